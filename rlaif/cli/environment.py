"""Variables `RLAIF_...` that set no option: a misspelt one would be ignored without a word."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator

import click

from rlaif.cli.options import PREFIX, EnvOption

OTHERS = ("RLAIF_VLLM", "RLAIF_VLLM_PYTHON", "RLAIF_LIBRARY_MESSAGES", "RLAIF_REFERENCE_DATA", "RLAIF_DOORS")
"""Variables that are no option's."""
KEYS = ("_KEY", "_TOKEN")
"""Endings of variables that hold what `?key=NAME` of a model's name asks for."""


def stray_variables(group: click.Group) -> list[str]:
    """A sentence for each variable that is set and that no command reads, with the name that it comes closest to."""
    ours = (name for name in os.environ if name.startswith(f"{PREFIX}_") and name not in OTHERS)
    set_here = [name for name in ours if not name.endswith(KEYS)]
    if not set_here:
        return []
    known = set(_known(group, "rlaif"))
    return [_sentence(name, known) for name in sorted(set_here) if name not in known]


def _sentence(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.8)
    hint = f"did you mean {near[0]}?" if near else "the names are in docs/cli.md"
    return f"the variable {name} is set, and no command reads it; {hint}"


def _known(command: click.Command, path: str) -> Iterator[str]:
    for each in command.params:
        if isinstance(each, EnvOption):
            yield from each.env_names(path)
    below = getattr(command, "commands", None) or {}
    for name, each in below.items():
        yield from _known(each, f"{path} {name}")
