"""A document of a client, from its text to its answer."""
