"""What leaves Dossier and comes into it as files: archives, tables and reports of cases."""
