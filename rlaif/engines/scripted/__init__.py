"""Engines that read their answers from files."""
