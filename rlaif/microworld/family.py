"""The family of models from one call: base, micro, and the early judge whose pair accuracy is nearest to `WEAK`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from rlaif.microworld.build import build_in_processes
from rlaif.microworld.draws import LabelNoise
from rlaif.microworld.report import pair_accuracy

WEAK_AIM = 0.72
"""Pair accuracy that `micro:weak` is chosen by; it has to lie between 0.65 and 0.80."""


def build_family(
    seed: int,
    out: Path,
    minutes: float | None = None,
    processes: int | None = None,
    knobs: LabelNoise | None = None,
) -> dict[str, float]:
    """Build `out`/{base,micro,weak}; returns the pair accuracy of each snapshot that could have become `weak`.

    Resumes where a killed build stopped. Raises EngineError when a process of it dies.
    """
    build_in_processes(seed, out, minutes, processes or os.cpu_count() or 1, knobs)
    found = {folder.name: pair_accuracy(str(folder), seed) for folder in sorted(out.glob("weak-*"))}
    if found:
        nearest = min(found, key=lambda name: abs(found[name] - WEAK_AIM))
        shutil.rmtree(out / "weak", ignore_errors=True)
        shutil.copytree(out / nearest, out / "weak")
    return found
