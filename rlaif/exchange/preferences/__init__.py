"""Other people's preference data, both ways: one file a format, told apart by what a row holds."""
