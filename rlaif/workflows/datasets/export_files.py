"""The files of an export: what is asked for, what came of it, and that they are there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rlaif.atomic import DRAFT_SUFFIX, write_text
from rlaif.errors import InputError, RlaifError
from rlaif.exchange.card import CardFacts, FileFacts, dataset_card
from rlaif.exchange.format import WrittenSplit
from rlaif.workflows.datasets.review import Honour

MANIFEST = "export.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportConfig:
    """What is exported, and how. Of examples `where`, `margin`, `reviewed` and `edited` are unused, and refused."""

    source: Path
    out: Path
    format: str = "trl"
    where: str | None = None
    split: float | None = None
    """Share of the prompts that goes to `train`; None: all of them, and no `test`."""
    margin: str | None = None
    license: str | None = None
    reviewed: Honour = "ignore"
    """What becomes of pairs that people decided against (`rlaif review`)."""
    store: Path | None = None
    edited: bool = False
    """Whether the pairs were changed by hand after their run was finished, on purpose."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """The result of an export."""

    out: Path
    format: str
    rows: Mapping[str, int]
    funnel: Mapping[str, int]
    files: Mapping[str, str]
    """SHA-256 by name."""

    @property
    def summary(self) -> str:
        """The result in one line."""
        splits = ", ".join(f"{count} rows of {name}" for name, count in self.rows.items())
        return f"{self.format}: {splits} in {self.out}"

    def as_dict(self) -> dict[str, Any]:
        """Return the result as `--json` prints it."""
        return {**asdict(self), "out": str(self.out)}


def publish(
    out: Path, described: Mapping[str, Any], write: Callable[[Path], Mapping[str, Any]]
) -> ExportResult:
    """The export that is at `out` already, or the one that `write` makes in a draft of it.

    `described` is all that decides what is written; `write` returns the fields of its result but the place. Raises
    InputError where something else is there, RlaifError where nothing can be written.
    """
    if (held := _there(out, described)) is not None:
        return held
    draft = out.with_name(f".{out.name}.{os.getpid()}{DRAFT_SUFFIX}")
    try:
        draft.mkdir(parents=True)
        made = dict(write(draft))
        write_text(draft / MANIFEST, json.dumps({"config": dict(described), "made": made}, indent=2) + "\n")
        if out.is_dir():
            out.rmdir()
        os.replace(draft, out)
    except OSError as wrong:
        raise RlaifError(f"{out}: cannot be written ({wrong.strerror or wrong})") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return ExportResult(out=out, **made)


def _there(out: Path, described: Mapping[str, Any]) -> ExportResult | None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        held = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        held = None
    if not isinstance(held, dict) or held.get("config") != described:
        raise InputError(f"{out}: is there already and holds something else; choose another --out")
    return ExportResult(out=out, **held["made"])


def files_of(draft: Path, written: Mapping[str, WrittenSplit]) -> list[FileFacts]:
    """The files of a draft, the splits in their order, then what stands beside them."""
    found = []
    for path in sorted(each for each in draft.rglob("*") if each.is_file()):
        split = next((name for name, each in written.items() if path in each.files), "")
        whole = bool(split) and len(written[split].files) == 1
        found.append(
            FileFacts(
                name=str(path.relative_to(draft)),
                split=split,
                rows=written[split].rows if whole else None,
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            )
        )
    # the splits in their order, then what stands beside them
    return sorted(found, key=lambda each: [*written, ""].index(each.split))


def no_rows(format: str, written: Mapping[str, WrittenSplit]) -> str | None:
    """Why a split is empty; None where none is."""
    empty = next((name for name, each in written.items() if not each.rows), None)
    if empty is None:
        return None
    why = "; ".join(f"{count} left out: {reason}" for reason, count in written[empty].left_out.items())
    return f"--format {format}: no row of {empty!r} is left" + (f"; {why}" if why else "")


def describe(draft: Path, card: CardFacts, written: Mapping[str, WrittenSplit]) -> dict[str, Any]:
    """Write the card of a draft; returns the fields of its result but the place."""
    write_text(draft / "README.md", dataset_card(card))
    return {
        "format": card.format,
        "rows": {name: each.rows for name, each in written.items()},
        "funnel": card.funnel,
        "files": {each.name: each.sha256 for each in card.files},
    }


def stated_time(started: float) -> str:
    """A time as cards and documents say it."""
    return datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds")
