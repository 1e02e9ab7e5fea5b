"""Readers and writers of other people's formats. Everything past them works on records."""
