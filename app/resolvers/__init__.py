"""What a field does: whose rows are whose, how they are read, and how they are changed."""
