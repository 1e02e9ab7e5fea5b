"""Other people's constitution files: recognised, read, and written back with every byte of their texts."""

from rlaif.exchange.constitutions.files import YAML, ImportedConstitution, export, read_foreign

__all__ = ["YAML", "ImportedConstitution", "export", "read_foreign"]
