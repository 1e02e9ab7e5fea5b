"""Other people's constitution files: recognised, read, and written back with every byte of their texts."""

from rlaif.constitution.foreign.formats import FORMATS, YAML, Read, export, read_foreign

__all__ = ["FORMATS", "YAML", "Read", "export", "read_foreign"]
