"""The engine: from what a selection asks for to one SQL statement that answers it."""
