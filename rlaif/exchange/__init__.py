"""Readers and writers of other people's formats. Past this door there are records only."""
