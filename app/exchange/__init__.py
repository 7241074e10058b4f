"""Cases as files that other programs read: tables and reports of what is on a timeline."""
