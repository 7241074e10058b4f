"""What goes out of Dossier for people to read: reports of a case, made of rows alone."""
