"""A file a format, or a family of them: its rows in `FORMAT`, with the code that reads and writes it."""
