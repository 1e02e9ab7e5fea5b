"""An alarm in the training loop: when it is asked, what of it is logged, and the weights that `back` returns to.

What an alarm reads, and when it rings, is for whoever injects it to know (`rlaif.records.Alarm`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rlaif.records import Alarm, AlarmReading

BEFORE = "before-alarm"
"""Name of the weights that `back` returns to, among a training's unfinished work."""
PREFIX = "alarm/"
SILENT = AlarmReading()


class LoopAlarm:
    """An alarm with the weights of a training as model directories."""

    def __init__(self, alarm: Alarm, folder: Path, write: Callable[[Path], None]) -> None:
        """`write` makes a model directory of the weights as they are."""
        self.alarm, self._folder, self._write = alarm, folder, write

    @property
    def goes_back(self) -> bool:
        """Whether a training ends with earlier weights when it rings."""
        return self.alarm.do == "back"

    @property
    def stops(self) -> bool:
        """Whether a training ends when it rings."""
        return self.alarm.do != "warn"

    def due(self, done: int, steps: int) -> bool:
        """Whether to look after so many steps."""
        return done == steps or done % self.alarm.every == 0

    def begin(self, done: int) -> AlarmReading:
        """What stands of the checks of a training that goes on after `done` steps."""
        return self.alarm.begin(done)

    def look(self, step: int) -> AlarmReading:
        """Check the weights as they are."""
        with self._snapshot(step) as policy:
            return self.alarm.look(step, policy)

    @contextmanager
    def _snapshot(self, step: int) -> Iterator[Path]:
        # of a name a model's fingerprint is read once: other weights have another name
        place = self._folder / f"alarm-{step}"
        self._write(place)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
