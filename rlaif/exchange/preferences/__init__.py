"""Other people's preference data, read and written; the first row tells the format."""
