"""Sets by what a user calls them: a part of the prompts by its name, or `KIND=FILE`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rlaif.errors import InputError
from rlaif.workflows.evaluation.named_sets.gsm8k import open_gsm8k
from rlaif.workflows.evaluation.named_sets.lm_eval import open_lm_eval
from rlaif.workflows.evaluation.named_sets.named_set import NamedSet
from rlaif.workflows.evaluation.named_sets.own import OWN
from rlaif.workflows.evaluation.named_sets.xstest import open_xstest

OPENERS: Mapping[str, Callable[[Path, int | None], NamedSet]] = {
    "gsm8k": open_gsm8k,
    "xstest": open_xstest,
    "lm-eval": open_lm_eval,
}
"""By kind, how a file is read as a set."""


def own_names(names: Sequence[str]) -> list[str]:
    """Those of the names that are parts of the prompts."""
    return [each for each in names if each in OWN]


def open_sets(names: Sequence[str], limit: int | None = None) -> list[NamedSet]:
    """The sets of files among the names, read. Raises InputError for a name that is neither."""
    found: list[NamedSet] = []
    for each in names:
        if each in OWN:
            continue
        kind, given, path = each.partition("=")
        if kind not in OPENERS:
            raise InputError(
                f"--sets {each}: is no set; known: {', '.join(OWN)}, and of files "
                f"{', '.join(f'{name}=FILE' for name in OPENERS)}"
            )
        if not given or not path:
            raise InputError(f"--sets {each}: names no file; write {kind}=FILE")
        found.append(OPENERS[kind](Path(path), limit))
    if twice := next(
        (each.name for place, each in enumerate(found) if each.name in [one.name for one in found[:place]]),
        None,
    ):
        raise InputError(
            f"--sets names two sets that are both called {twice}; measure them one after the other"
        )
    return found
