"""The runs and trainings of a project: found by their files, read again when these change, never locked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlaif.errors import RlaifError
from rlaif.review.headline import Headline, headline
from rlaif.review.named import roles
from rlaif.review.numbers import figure
from rlaif.runs.claim import at_work, read_facts
from rlaif.runs.layout import (
    CLAIM,
    METRICS,
    PROGRESS,
    ROUNDS,
    RUN,
    TRAIN_RECORD,
    TRAINING,
    is_run,
)
from rlaif.runs.newer import newer
from rlaif.runs.record_files import ROUNDS_SCHEMA, TRAIN_SCHEMA, read_record_if_there
from rlaif.runs.spent import took

DEPTH = 4
"""Folders below the project in which runs are looked for."""
MOST_FOLDERS = 20_000
"""Folders that are looked into; a larger tree is no project, and would be walked for minutes."""
TRAIN = "train"
_SKIPPED = {"node_modules", "__pycache__", "venv", "site-packages"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCard:
    """What a list says of one run or training."""

    name: str
    """Its path below the project, as one types it."""
    path: Path
    command: str
    recipe: str = ""
    """Of `rlaif run` the recipe's name, of a training its method."""
    status: str = "done"
    """`running`, `done`, `stopped`, `interrupted`, or `unreadable` with `trouble`."""
    started: float | None = None
    finished: float | None = None
    constitution: str = ""
    digest: str = ""
    """Of the constitution."""
    models: Mapping[str, str] = field(default_factory=dict)
    headline: Headline
    costs: Mapping[str, Any] | None = None
    warnings: Sequence[str] = ()
    trouble: str = ""
    """Why it cannot be read, or not all of it, with the remedy."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    rounds: Sequence[Mapping[str, Any]] = ()

    @property
    def is_training(self) -> bool:
        """Whether it is a directory of `rlaif train`."""
        return self.command == TRAIN

    @property
    def took(self) -> float | None:
        """Seconds that commands worked on it; None of what has not come to its end."""
        return (
            None
            if self.finished is None
            else took({**self.facts, "started": self.started, "finished": self.finished})
        )

    @property
    def kind(self) -> str:
        """What a list calls it: the recipe or method, else the command."""
        return self.recipe or self.command

    @property
    def text(self) -> str:
        """All words that a search looks at, in lower case."""
        told = (
            self.name,
            self.command,
            self.recipe,
            self.constitution,
            self.headline.short,
            *self.models.values(),
        )
        return " ".join((*told, self.status)).lower()


NOTHING = Headline(done="", helped="", verdict="none", short="")


class Catalogue:
    """The runs below a project's folder."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self._kept: dict[Path, tuple[tuple[float, ...], RunCard]] = {}

    def cards(self) -> list[RunCard]:
        """All runs and trainings, the one that was started last first."""
        found = [self._card(each) for each in _places(self.project)]
        return sorted(found, key=lambda each: (-(each.started or 0), each.name))

    def card(self, name: str) -> RunCard | None:
        """The run of a name; None where there is none below the project."""
        path = (self.project / name).absolute()
        inside = path == self.project.absolute() or self.project.absolute() in path.parents
        if not inside or ".." in Path(name).parts or not (is_run(path) or is_training(path)):
            return None
        return self._card(self.project / name)

    def _card(self, path: Path) -> RunCard:
        stamp = stamp_of(path)
        held = self._kept.get(path)
        if held is None or held[0] != stamp:
            held = (stamp, read_card(path, _name(path, self.project)))
            self._kept[path] = held
        return held[1]


def is_training(path: Path) -> bool:
    """Whether a folder is one of `rlaif train`, finished or not."""
    return (path / TRAIN_RECORD).is_file() or (path / TRAINING).is_dir()


def stamp_of(path: Path) -> tuple[float, ...]:
    """When the files last changed from which a run's page is made; of an unfinished run also whether it is at work."""
    times = [_changed(path / name) for name in (RUN, CLAIM, ROUNDS, PROGRESS, TRAIN_RECORD, METRICS)]
    return (*times, float(at_work(path)))


def read_card(path: Path, name: str) -> RunCard:
    """The card of a run or training; what cannot be read has one that says why."""
    try:
        return _run_card(path, name) if is_run(path) else _training_card(path, name)
    except RlaifError as wrong:
        trouble = " ".join(filter(None, (newer(path), str(wrong))))
        return RunCard(
            name=name, path=path, command="", status="unreadable", headline=NOTHING, trouble=trouble
        )


def _run_card(path: Path, name: str) -> RunCard:
    return card_of(path, name, read_facts(path), read_record_if_there(path / ROUNDS, ROUNDS_SCHEMA) or [])


def card_of(
    path: Path, name: str, facts: Mapping[str, Any], rows: Sequence[Mapping[str, Any]] = ()
) -> RunCard:
    """The card of a run whose `run.json` reads as `facts`, with its rows of rounds."""
    config, summary = facts.get("config") or {}, facts.get("summary") or {}
    constitution = config.get("constitution") or {}
    ended = "interrupted" if "status" not in facts else str(facts["status"])
    version = constitution.get("version")
    return RunCard(
        name=name,
        path=path,
        command=str(facts.get("command", "")),
        recipe=str((config.get("recipe") or {}).get("name", "")),
        status="running" if at_work(path) else ended,
        started=facts.get("started"),
        finished=facts.get("finished"),
        constitution=" ".join(map(str, filter(None, (constitution.get("name"), version)))),
        digest=str(constitution.get("digest", "")),
        models=roles(facts),
        headline=headline(facts, rows),
        costs=summary.get("costs"),
        warnings=[*(summary.get("warnings") or ()), *([summary["unmet"]] if summary.get("unmet") else [])],
        trouble=newer(path),
        facts=facts,
        rounds=rows,
    )


def _training_card(path: Path, name: str) -> RunCard:
    record = read_record_if_there(path / TRAIN_RECORD, TRAIN_SCHEMA)
    if record is None:
        return RunCard(
            name=name,
            path=path,
            command=TRAIN,
            status="running" if at_work(path) else "interrupted",
            started=_changed(path / TRAINING) or None,
            headline=NOTHING,
        )
    card, figures = record.get("card") or {}, record.get("figures") or {}
    told = [
        f"{word} {figure(float(figures[key]))}"
        for key, word in (("loss", "loss"), ("rewards/accuracies", "accuracy"), ("reward", "reward"))
        if isinstance(figures.get(key), int | float)
    ]
    finished = _changed(path / TRAIN_RECORD)
    method = str(record.get("method", ""))
    seconds = float(record.get("seconds") or 0)
    done = f"Trained by {method} for {record.get('steps', '?')} steps" + (
        f" on {card['run']}." if card.get("run") else "."
    )
    return RunCard(
        name=name,
        path=path,
        command=TRAIN,
        recipe=method,
        started=finished - seconds,
        finished=finished,
        constitution=str(card.get("constitution") or "").replace("none", ""),
        digest=str(card.get("constitution digest") or ""),
        models={
            key: value
            for key, value in (("base", str(record.get("base", ""))), ("judge", _named(card)))
            if value
        },
        headline=Headline(done=done, helped="", verdict="none", short=", ".join(told)),
        warnings=[str(each) for each in record.get("notes") or ()],
        facts=record,
    )


def _named(card: Mapping[str, Any]) -> str:
    return str(card.get("judge") or "").partition(" (")[0].replace("unknown", "")


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _name(path: Path, project: Path) -> str:
    return path.relative_to(project).as_posix()


def _places(project: Path) -> Iterator[Path]:
    """Folders of runs and trainings: not into hidden folders, nor into what is a run already."""
    waiting, seen = [(project, 0)], 0
    while waiting:
        folder, depth = waiting.pop()
        seen += 1
        try:
            inside = {each.name: each for each in os.scandir(folder)}
        except OSError:
            continue
        if CLAIM in inside or TRAIN_RECORD in inside or TRAINING in inside:
            yield folder
        elif depth < DEPTH and seen < MOST_FOLDERS:
            waiting += [
                (folder / name, depth + 1)
                for name, each in inside.items()
                if not name.startswith(".") and name not in _SKIPPED and each.is_dir(follow_symlinks=False)
            ]
