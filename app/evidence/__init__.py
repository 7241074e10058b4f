"""Lists of files: what one says of a file, the formats that it is written in, and how they are read.

A name is bytes, as a file system has it. No format alters one: what it can't hold is refused by name (CannotHoldError).
"""
