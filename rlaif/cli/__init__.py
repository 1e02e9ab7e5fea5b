"""The command line: one file per command: parses, checks, calls one workflow, prints. Loads no torch on import."""
