"""The benchmark: Dossier against the ceiling of each database and against its peers, in one interleaved run."""
