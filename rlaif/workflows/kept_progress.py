"""Progress that a run keeps in its directory for `rlaif view`: handed on, and written twice a second."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.errors import DiskError
from rlaif.runs.layout import PROGRESS, is_run
from rlaif.workflows.progress import ModelCalls, Report

EVERY_S = 0.5


class KeptProgress:
    """A `Report` that hands on what it hears, and keeps it in `progress.json` of a run that is claimed."""

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
        if self._run is None or now - self._last < EVERY_S or not is_run(self._run):
            return
        self._last = now
        self._write(
            {"what": what, "done": done, "total": total} | self._spent() | dict(self.standing()) | {"at": now}
        )

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

    def _write(self, told: Mapping[str, Any]) -> None:
        assert self._run is not None, "there is a place to write to"
        try:
            write_text(self._run / PROGRESS, json.dumps(told) + "\n", sync=False)
        except DiskError:
            # what the run makes tells of a full disk itself; its progress is no reason to stop it
            self._run = None
