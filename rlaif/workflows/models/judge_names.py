"""What a model's or judge's name says before anything is opened."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from rlaif.engines.kinds import ENGINES, SOMEBODY, ModelKind, kind_of, known_names, split_name
from rlaif.engines.model_directory import resolve_directory
from rlaif.errors import ModelError
from rlaif.judging.kinds import JUDGES, MODEL, judge_kind
from rlaif.judging.rewards import REWARDS
from rlaif.shipped import MODELS

GOLD = "gold:"
SERVED_FILES = (".gguf", ".ggml", ".bin", ".pt", ".pth", ".onnx")
"""Endings of weights that no kind opens by itself."""


def is_control(name: str) -> bool:
    """Whether a name is of a judge that is no model: the upper bound or the floor of an experiment (`gold:`)."""
    return judge_kind(name).control


def known_kind(name: str) -> tuple[ModelKind, str]:
    """The kind of a model's name and what follows its colon; a name that is none is answered with what may be meant.

    Raises ModelError.
    """
    if kind_of(name) is not None:
        return split_name(name)
    judges = [
        *(each if each in JUDGES.from_outside() else f"{each}:" for each in JUDGES.names()),
        *REWARDS.names(),
    ]
    raise ModelError(
        f"{name!r} names no model{_hint(name, judges)}: it is neither a directory nor one of {known_names()}; a judge "
        f"may also be one of {', '.join(judges)}"
    )


def _hint(name: str, judges: Sequence[str]) -> str:
    if is_missing_path(name):
        return ", and no such directory is there"
    if name.lower().endswith(SERVED_FILES):
        return (
            "; such files are opened by a server (`llama-server -m FILE --port 8080`), which is named as "
            "'openai:http://127.0.0.1:8080/v1#MODEL'"
        )
    found = meant_names(name, judges)
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""


def meant_names(name: str, judges: Sequence[str] = ()) -> list[str]:
    """The names that a text which is none comes closest to: with another word before the colon, or as a kind says.

    `judges` are names of judges, or beginnings of such, that are no models.
    """
    known = [*judges, *(f"{each}:" for each in ENGINES.names())]
    head, colon, rest = name.partition(":")
    if colon and (near := get_close_matches(f"{head.lower()}:", known, n=1, cutoff=0.7)):
        return [near[0] + rest.lstrip("/") if near[0].endswith(":") else near[0]]
    if near := get_close_matches(name.lower(), [*MODELS, *judges], n=1, cutoff=0.75):
        return near
    meant = [each.meant(name) for each in ENGINES.all().values()]
    found = list(dict.fromkeys(each for each in meant if each))
    return [each for each in found if SOMEBODY not in each] or found


def is_missing_path(name: str) -> bool:
    """Whether a text can only be a path, of which nothing is there."""
    return name.startswith(("./", "../", "/", "~")) or name.endswith("/")


def model_directory(name: str) -> Path:
    """Where the weights of a local model lie, to be trained. Raises ModelError for what cannot be trained."""
    found = kind_of(name)
    if judge_kind(name) is not MODEL or (found is not None and not found[0].trainable):
        raise ModelError(f"{name}: cannot be trained; name a model directory (--policy hf:DIR)")
    # a hub id needs no prefix here
    return resolve_directory(name if found is None else found[1])
