"""Answers to held-out prompts, and what was read of each: by gold, by the judge, in comparisons.

An evaluation keeps its answers as completions and what was read of them beside these; a round of a recipe keeps both
in one file, which is listed as a file of samples too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rlaif.errors import RlaifError
from rlaif.exchange.measured import MeasuredAnswer, read_measured
from rlaif.review.lines import file_stamp
from rlaif.runs.layout import MEASURED, files_in, folders

MET = 0.5


class AnswerKey(NamedTuple):
    """Which answer was read: the ids of its prompt and of the completion."""

    prompt: str
    completion: str


Readings = Mapping[AnswerKey, MeasuredAnswer]


def sample_files(run: Path) -> list[Path]:
    """Every file of a run that lists answers: completions, and the held-out answers of rounds, in their order."""
    found: list[Path] = []
    for folder in folders(run):
        drawn = [each for each in files_in(folder, "completions") if each.suffix == ".jsonl"]
        found += drawn
        # beside the completions of an evaluation it holds the same answers
        if (folder / MEASURED).is_file() and (folder != run or not drawn):
            found.append(folder / MEASURED)
    return found


class HeldOut:
    """What was read of the answers in the folders of a run; a file is read again when it has changed."""

    def __init__(self) -> None:
        self._held: dict[Path, tuple[object, Readings]] = {}

    def readings(self, folder: Path) -> Readings:
        """By answer, what was read of it in a folder; nothing where nothing was, or it cannot be read any more."""
        path = folder / MEASURED
        stamp = file_stamp(path)
        if path not in self._held or self._held[path][0] != stamp:
            self._held[path] = (stamp, _read(path))
        return self._held[path][1]


def _read(path: Path) -> Readings:
    try:
        found = read_measured(path) if path.is_file() else []
    except RlaifError:
        return {}
    return {AnswerKey(each.prompt.id, each.answer.id): each for each in found}


def by_principle(read: MeasuredAnswer) -> Mapping[str, float]:
    """What decides whether an answer follows a principle: the judge where it read the answer alone, else gold."""
    return read.judge or read.gold
