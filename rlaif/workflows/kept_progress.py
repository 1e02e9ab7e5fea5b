"""Progress that a run keeps in its directory for `rlaif view`: handed on, and written twice a second."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.errors import DiskError
from rlaif.runs.layout import PROGRESS, TRAINING, is_run
from rlaif.workflows.progress import ModelCalls, Report

EVERY_S = 0.5


class KeptProgress:
    """A `Report` that hands on what it hears, and keeps it in `progress.json` of a claimed run or of a training."""

    def __init__(
        self,
        run: Path | None,
        also: Report,
        standing: Callable[[], Mapping[str, Any]] = dict,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep it in `run`, if that is one by then; `standing` tells more: round, step, how much is left."""
        self.standing = standing
        self._run = run
        self._also = also
        self._clock = clock
        self._asked: dict[str, ModelCalls] = {}
        self._last = 0.0
        self._first: tuple[int, float] | None = None

    def __call__(
        self,
        what: str,
        done: int,
        total: int | None,
        /,
        *,
        asked: ModelCalls | None = None,
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """Take in what a model or a training tells of itself."""
        self._also(what, done, total, asked=asked, figures=figures)
        if asked is not None:
            self._asked[what] = asked
        now = self._clock()
        training = figures is not None
        if training and self._first is None:
            self._first = (done, now)
        place = self._place() if now - self._last >= EVERY_S else None
        if place is None:
            return
        self._last = now
        spent = self._spent()
        if training:  # its end is counted in steps, whatever its reward asks
            spent = {**spent, "done": done, "unit": "step", "left_s": self._left(done, total, now)}
        told = {"what": what, "done": done, "total": total} | spent | dict(self.standing()) | {"at": now}
        self._write(place / PROGRESS, told)

    def refresh(self) -> None:
        """Keep where the run is now, at once: a step begins, which may load for long before it counts anything."""
        if (place := self._place()) is None:
            return
        self._first = None
        self._last = self._clock()
        self._write(place / PROGRESS, self._spent() | dict(self.standing()) | {"at": self._last})

    def _place(self) -> Path | None:
        """The run, or the folder of a training that is not finished, which goes when that ends; else nothing yet."""
        if self._run is None:
            return None
        if is_run(self._run):
            return self._run
        return self._run / TRAINING if (self._run / TRAINING).is_dir() else None

    def _left(self, done: int, total: int | None, now: float) -> float | None:
        """Seconds until the last step, by the steps since the first one that was heard of."""
        assert self._first is not None, "a step was heard of"
        began, since = self._first
        if total is None or done <= began:
            return None
        return (now - since) / (done - began) * max(0, total - done)

    def _spent(self) -> dict[str, Any]:
        """Calls, failures, tokens and money of all models together."""
        all_asked = list(self._asked.values())
        if not all_asked:
            return {}
        paid = [each.money for each in all_asked if each.money is not None]
        return {
            "done": sum(each.new + each.reused for each in all_asked),
            "failed": sum(each.failed for each in all_asked),
            "cut_off": sum(each.cut for each in all_asked),
            "tokens": sum(each.tokens for each in all_asked),
            "money": sum(paid) if paid else None,
        }

    def _write(self, path: Path, told: Mapping[str, Any]) -> None:
        try:
            write_text(path, json.dumps(told) + "\n", sync=False)
        except DiskError:
            # what the run makes tells of a full disk itself; its progress is no reason to stop it
            self._run = None
