"""What a training run tells while it works: a live line for people, JSONL and TensorBoard for later."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rlaif.atomic import disk_told, write_lines
from rlaif.terminal import console, drawn

Progress = Callable[[int, int, Mapping[str, float]], None]
"""Called after each step with the step (from 1), the number of steps and the step's figures."""

_SHOWN = ("loss", "rewards/margins", "rewards/accuracies", "accuracy", "kl", "replay/loss")


class LiveLine:
    """A progress bar on stderr; shows nothing when stderr is no terminal."""

    def __init__(self, title: str) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        screen = console()
        columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(
            *columns, TextColumn("{task.fields[figures]}"), console=screen, disable=not screen.is_terminal
        )
        self._task = self._bar.add_task(title, total=None, figures="")
        self._drawn = ExitStack()
        self._drawn.enter_context(drawn(self._bar))

    def __call__(self, step: int, steps: int, metrics: Mapping[str, float]) -> None:
        """Show one step."""
        figures = "  ".join(f"{name} {metrics[name]:.3g}" for name in _SHOWN if name in metrics)
        self._bar.update(self._task, total=steps, completed=step, figures=figures)

    def close(self) -> None:
        """Leave the last state on the screen."""
        self._drawn.close()


class MetricsLog:
    """`metrics.jsonl` and TensorBoard events, one entry a step; a resumed run drops what it will do again."""

    def __init__(self, path: Path, *, done: int, tensorboard: Path | None) -> None:
        kept = [line for line in _lines(path) if line["step"] <= done]
        write_lines(path, map(json.dumps, kept))
        self._stream = path.open("a", encoding="utf-8")
        self._path = path
        self._writer: Any = None
        if tensorboard is not None:
            from torch.utils.tensorboard import SummaryWriter

            with disk_told(tensorboard):
                self._writer = SummaryWriter(str(tensorboard), purge_step=done + 1)

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append the figures of one step, which counts from 1. Raises DiskError."""
        with disk_told(self._path):
            self._stream.write(json.dumps({"step": step, **metrics}) + "\n")
            self._stream.flush()
            if self._writer is not None:
                for name, value in metrics.items():
                    self._writer.add_scalar(name, value, step)

    def lines(self) -> list[dict[str, float]]:
        """All figures so far, one mapping a step."""
        return _lines(self._path)

    def close(self) -> list[dict[str, float]]:
        """Close the files; all figures, one mapping a step. Raises DiskError."""
        with disk_told(self._path):
            self._stream.close()
            if self._writer is not None:
                # the thread that writes says only so whether it could
                self._writer.flush()
                self._writer.close()
        return _lines(self._path)


def _lines(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    whole = [line for line in path.read_text(encoding="utf-8").split("\n")[:-1] if line]
    return [json.loads(line) for line in whole]
