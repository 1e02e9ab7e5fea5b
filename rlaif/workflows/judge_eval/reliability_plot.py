"""The calibration plot of a check: what the judge says against what is true."""

from __future__ import annotations

from pathlib import Path

from rlaif.atomic import whole_file
from rlaif.errors import InputError
from rlaif.workflows.judge_eval.result import JudgeCheckResult

FORMATS = (".svg", ".png")


def refuse_ending(path: Path) -> None:
    """Raise InputError for a file that is no plot: before anything is asked."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: a plot is .svg or .png")


def draw(path: Path, found: JudgeCheckResult) -> None:
    """Write the plot whole. Raises InputError where nothing is calibrated, or for another ending."""
    refuse_ending(path)
    if not found.part.bins:
        raise InputError(
            f"{path}: {found.judge} gives no probability on {found.gold}; there is nothing to plot"
        )
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linestyle="--", label="means what it says")
    said, true = [each.said for each in found.part.bins], [each.true for each in found.part.bins]
    axes.plot(said, true, marker="o", label=found.judge)
    for each in found.part.bins:
        axes.annotate(
            str(each.size), (each.said, each.true), textcoords="offset points", xytext=(5, -9), fontsize=7
        )
    error = found.part.calibration["calibration_error"] or 0.0
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="P(better) as judged", ylabel="share that is better")
    axes.set_title(f"{found.gold}: calibration error {error:.3f}", fontsize=10)
    axes.legend(loc="upper left", fontsize=8)
    with whole_file(path) as draft:
        figure.savefig(draft, format=path.suffix.lower()[1:])
