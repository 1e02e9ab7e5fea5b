"""Artefacts: what steps take and make. A kind says how its files are read and written, a name which one is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.exchange.completions import read_completions, write_completions
from rlaif.exchange.examples import read_examples, write_examples
from rlaif.exchange.judgments import read_judgments, write_judgments
from rlaif.exchange.pairs import read_pairs, write_pairs
from rlaif.exchange.prompts import read_prompts, write_prompts
from rlaif.exchange.rubrics import read_rubrics, write_rubrics
from rlaif.hashing import digest, digest_files
from rlaif.judging.rbr import read_weights, write_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtefactKind:
    """A kind of artefact, and how its file or directory is read and written."""

    name: str
    suffix: str
    """Of its file; empty for a directory."""
    read: Callable[[Path], Any]
    write: Callable[[Path, Any], object]


def _no_write(path: Path, _: Any) -> None:
    raise TypeError(f"{path}: a model is written by the training that makes it")


_ALL = (
    ArtefactKind(name="prompts", suffix=".jsonl", read=read_prompts, write=write_prompts),
    ArtefactKind(name="completions", suffix=".jsonl", read=read_completions, write=write_completions),
    ArtefactKind(name="judgments", suffix=".jsonl", read=read_judgments, write=write_judgments),
    ArtefactKind(name="pairs", suffix=".jsonl", read=read_pairs, write=write_pairs),
    ArtefactKind(name="examples", suffix=".jsonl", read=read_examples, write=write_examples),
    ArtefactKind(name="rubrics", suffix=".jsonl", read=read_rubrics, write=write_rubrics),
    ArtefactKind(name="weights", suffix=".json", read=read_weights, write=write_weights),
    ArtefactKind(name="model", suffix="", read=lambda path: path, write=_no_write),
)
KINDS: Mapping[str, ArtefactKind] = {each.name: each for each in _ALL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """What a step of a round makes, or a set of prompts that the recipe names."""

    name: str
    """What a recipe calls it; empty where it names nothing."""
    kind: str
    round: int = 0
    path: str = ""
    """Its file or directory inside the run; empty for the recipe's own prompts."""
    step: str = ""
    """The key of the step that made it."""
    parents: tuple[Artefact, ...] = ()
    """What it was made of: pairs know the judgments and completions that they come from."""
    selected: Artefact | None = None
    """What it is a part of, with rows as they were: what was said of the whole is true of its part."""

    @property
    def whole(self) -> tuple[Artefact, ...]:
        """All that it is a part of, the nearest first."""
        return () if self.selected is None else (self.selected, *self.selected.whole)

    def ancestor(self, kind: str) -> Artefact | None:
        """The nearest artefact of a kind that this one was made of, or this one itself."""
        if self.kind == kind:
            return self
        return nearest(self.parents, (kind,))


def nearest(artefacts: Iterable[Artefact], kinds: Iterable[str]) -> Artefact | None:
    """Return the first artefact of one of the kinds among these and what they were made of, or None."""
    found = (each.ancestor(kind) for each in artefacts for kind in kinds)
    return next((each for each in found if each is not None), None)


def content(path: Path) -> str | None:
    """Digest of a file, or of all files of a directory; None where nothing is."""
    if path.is_dir():
        files = [each for each in sorted(path.rglob("*")) if each.is_file()]
        return digest(
            [str(each.relative_to(path)) for each in files], [digest_files([each]) for each in files]
        )
    return digest_files([path]) if path.is_file() else None
