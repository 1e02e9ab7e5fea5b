"""Two steps at once: one is done in another process while what was put off is done here.

The next policy trains while the one before it is measured. Neither needs anything of the other, and neither is done
differently for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from rlaif.engines.local.processes import Processes, ProcessShard


@dataclass(slots=True)
class Background:
    """A measurement that is put off until a training runs, and that training."""

    processes: Callable[[], Processes | None]
    """Those of the command, once there are some."""
    _postponed: Callable[[], None] | None = None
    _out: ProcessShard | None = None
    _finished: SimpleQueue[ProcessShard] = field(default_factory=SimpleQueue)

    @property
    def has_postponed(self) -> bool:
        """Whether a measurement is put off."""
        return self._postponed is not None

    def postpone(self, measuring: Callable[[], None]) -> None:
        """Put a measurement off until `begin` or `finish`."""
        self._postponed = measuring

    def finish(self) -> None:
        """Do the measurement that is put off, if there is one."""
        postponed, self._postponed = self._postponed, None
        if postponed is not None:
            postponed()

    def begin(self, call: Callable[[Any], dict[str, Any]], given: Any) -> None:
        """Start `call(given)` in another process if a measurement is to be done here, and do that."""
        processes = self.processes()
        if self.has_postponed and processes is not None and processes.ready:
            self._out = processes.call(call, (given,), self._finished)
        self.finish()

    def result(self) -> dict[str, Any] | None:
        """What the other process made; None where nothing was begun, or it failed: then it must be done here."""
        processes, out = self.processes(), self._out
        self._out = None
        if out is not None and processes is not None and processes.take_back(self._finished) is None:
            self._finished.get()
            if out.replies is not None:
                (found,) = out.replies
                return dict(found)
        return None
