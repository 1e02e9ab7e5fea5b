"""The command line: parses, checks, calls one workflow, prints. Owns no logic, loads no torch on import."""
