"""The command line: a file a command, with what its parser takes and what it does.

A command's file is read in whatever command is given, so it imports what it needs only when it runs.
"""
