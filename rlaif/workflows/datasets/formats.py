"""Formats of other people's files as the commands offer them: their names, and constitutions in them."""

from __future__ import annotations

from pathlib import Path

from rlaif.exchange.constitutions import YAML, ImportedConstitution, export, read_foreign
from rlaif.exchange.format import constitution_formats, example_formats, read_formats, written_formats
from rlaif.exchange.prompts import write_prompts
from rlaif.records import Constitution


def formats_of_import() -> list[str]:
    """Names of the formats in which `rlaif import` reads pairs, those of other packages too."""
    return read_formats()


def formats_of_export() -> list[str]:
    """Names of the formats in which `rlaif export` writes pairs or examples, those of other packages too."""
    return sorted([*written_formats(), *example_formats()])


def formats_of_constitutions() -> list[str]:
    """Names of the formats in which a constitution is shown, our own first."""
    return [YAML, *constitution_formats()]


def read_constitution(
    path: Path, name: str, comparisons: int | None = None, *, prompts: bool = False
) -> ImportedConstitution:
    """Somebody else's file as a constitution called `name`, with at most so many `comparisons` or checklists.

    With `prompts`, those that come with it too. Raises ConstitutionError for a file that cannot be read, or is in no
    known format.
    """
    return read_foreign(path, name, most=comparisons, prompts=prompts)


def write_prompts_of(imported: ImportedConstitution, path: Path) -> int:
    """Write the prompts that came with a constitution as a prompt set; says how many."""
    return write_prompts(path, imported.prompts)


def constitution_text(constitution: Constitution, form: str) -> tuple[str, tuple[str, ...]]:
    """The constitution as the text of a file in a format, and what that cannot say. Raises ConstitutionError."""
    return export(constitution, form)
