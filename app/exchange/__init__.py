"""Cases as files that other programs read: tables of what is on a timeline, written without a database."""
