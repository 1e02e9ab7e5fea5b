"""The curves of a training, from its `metrics.jsonl`: what everybody looks at first, then every other figure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.review.charts import COLOURS
from rlaif.review.lines import LineFile
from rlaif.review.panels import LinePanel, all_inline
from rlaif.runs.layout import METRICS, TRAIN_RECORD, TRAINING, model_folder

MOST_ROWS = 1000
"""Steps that are read: of more, every n-th one and the last."""
FIRST: Mapping[str, Sequence[str]] = {
    "loss": ("loss", "loss/preference", "replay/loss", "nll"),
    "reward": ("reward", "rewards/mean", "reward_std"),
    "implicit reward of chosen and rejected": ("rewards/chosen", "rewards/rejected", "rewards/margins"),
    "accuracy": ("rewards/accuracies", "accuracy", "replay/accuracy"),
    "KL from the reference": ("kl",),
    "length": ("completions/mean_length", "length/mean"),
    "entropy": ("entropy",),
    "size of the gradient": ("grad_norm",),
    "learning rate": ("learning_rate",),
}
"""Charts that come first: their titles, and the figures in them that a training may have."""
MARGIN = "margin: chosen minus rejected"
IN_WORDS: Mapping[str, str] = {
    "loss": "loss",
    "loss/preference": "loss on preferences",
    "replay/loss": "loss on replayed examples",
    "nll": "loss on the chosen text (NLL)",
    "reward": "mean reward",
    "rewards/mean": "mean reward",
    "reward_std": "deviation of the reward",
    "rewards/chosen": "reward of the chosen",
    "rewards/rejected": "reward of the rejected",
    "rewards/margins": MARGIN,
    "rewards/accuracies": "pairs ordered as their labels",
    "accuracy": "pairs ordered as their labels",
    "replay/accuracy": "replayed examples answered rightly",
    "kl": "KL",
    "completions/mean_length": "length of a completion",
    "length/mean": "length of a completion",
    "entropy": "entropy",
    "grad_norm": "size of the gradient",
    "learning_rate": "learning rate",
    "logps/chosen": "log-probability of the chosen",
    "logps/rejected": "log-probability of the rejected",
}
"""What figures of a training are called on pages; others have their names, with spaces."""
UNITS = {"KL from the reference": "nats", "length": "tokens", "entropy": "nats", "accuracy": "share"}
"""What the vertical axis of a chart is, where its title does not say it."""
NO_CURVES = ("step", "seconds", "num_tokens", "epoch")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCurves:
    """A training's curves."""

    name: str
    steps: int
    """The last one."""
    first: Sequence[str]
    others: Sequence[str]


def trainings(run: Path) -> list[Path]:
    """The folders of a run's trainings, the rounds' in order; a folder of a training is its own."""
    if (run / METRICS).is_file() or (run / TRAIN_RECORD).is_file() or (run / TRAINING).is_dir():
        return [run]
    inside = model_folder(run, "x").parent
    found = sorted(each.parent for each in inside.glob(f"*/{METRICS}"))
    return sorted(found, key=lambda each: (len(each.name), each.name))


def training_curves(folder: Path, name: str) -> TrainingCurves | None:
    """The curves of a training; None where no step is written yet."""
    found = training_panels(folder)
    if found is None:
        return None
    first, others = all_inline(found.first), all_inline(found.others)
    return TrainingCurves(name=name, steps=found.steps, first=first, others=others)


class TrainingPanels(NamedTuple):
    """What is drawn of a training."""

    steps: int
    first: Sequence[LinePanel]
    others: Sequence[LinePanel]


def training_panels(folder: Path) -> TrainingPanels | None:
    """The curves of a training, before they are drawn; None where no step is written yet."""
    rows = list(metric_rows(folder))
    if not rows:
        return None
    at = [float(row["step"]) for row in rows]
    known = [
        each
        for each in dict.fromkeys(name for row in rows for name in row)
        if each not in NO_CURVES and any(_number(row.get(each)) is not None for row in rows)
    ]

    def drawn(title: str, names: Sequence[str]) -> LinePanel:
        return _panel(title, {in_words(each): [_number(row.get(each)) for row in rows] for each in names}, at)

    wanted = {title: [each for each in names if each in known] for title, names in FIRST.items()}
    first = [drawn(title, names) for title, names in wanted.items() if names]
    held = {each for names in wanted.values() for each in names}
    others = [drawn(in_words(each), [each]) for each in known if each not in held]
    return TrainingPanels(int(at[-1]), first, others)


def in_words(name: str) -> str:
    """What a figure of a training is called on pages."""
    return IN_WORDS.get(name) or name.replace("/", ", ").replace("_", " ")


def both_trainings(names: Sequence[str], folders: Sequence[Path]) -> list[LinePanel]:
    """The curves of several trainings, what is measured alike in one panel; what only one measured is left out.

    Args:
        names: What the trainings are called.
        folders: Where they lie.
    """
    found = [{each.title: each for each in of_training(folder)} for folder in folders]
    titles = [title for title in (found[0] if found else {}) if all(title in each for each in found)]
    return [
        _joined(title, dict(zip(names, (each[title] for each in found), strict=True))) for title in titles
    ]


def _joined(title: str, panels: Mapping[str, LinePanel]) -> LinePanel:
    at = sorted({place for panel in panels.values() for place in panel.at})
    common = list(next(iter(panels.values())).series)
    shared = [each for each in common if all(each in panel.series for panel in panels.values())]
    # a page has four colours: of a chart with several figures the one that sums them up, or the first
    alone = [MARGIN] if MARGIN in shared else shared[:1]
    kept = shared if len(shared) * len(panels) <= COLOURS else alone
    series = {}
    for name, panel in panels.items():
        for figure in kept or common[:1]:
            known = dict(zip(panel.at, panel.series.get(figure, ()), strict=False))
            series[name if len(kept) < 2 else f"{name}: {figure}"] = [known.get(place) for place in at]
    lows, tops = [each.low for each in panels.values()], [each.top or 0.0 for each in panels.values()]
    of = kept[0] if len(kept) == 1 < len(common) else title
    y = next(iter(panels.values())).y
    return LinePanel(title=of, x="step", y=y, series=series, at=at, low=min(lows), top=max(tops))


def of_training(folder: Path) -> Sequence[LinePanel]:
    """What everybody looks at first of a training; nothing where no step is written."""
    found = training_panels(folder)
    return () if found is None else found.first


def first_and_last(folder: Path, names: Sequence[str]) -> list[tuple[str, float, float]]:
    """Name, first and last value of those figures that a training has, in the order of `names`."""
    rows = list(metric_rows(folder))
    found = []
    for name in names:
        known = [float(row[name]) for row in rows if isinstance(row.get(name), int | float)]
        if known:
            found.append((name, known[0], known[-1]))
    return found


def metric_rows(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Rows of a training's metrics with their steps, evenly over all; a line that is being written is left out."""
    file = LineFile(folder / METRICS)
    step = max(1, -(-len(file) // MOST_ROWS))
    places = list(range(0, len(file), step))
    if places and places[-1] != len(file) - 1:
        places.append(len(file) - 1)
    for place in places:
        try:
            row = json.loads(file.line(place))
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            yield row


def _panel(title: str, series: Mapping[str, Sequence[float | None]], at: Sequence[float]) -> LinePanel:
    values = [value for each in series.values() for value in each if value is not None]
    lowest, highest = min(values), max(values)
    # a curve near zero begins there; one far above it, or below, shows its own range
    low = 0.0 if 0 <= lowest <= 0.7 * highest or lowest == highest >= 0 else lowest
    top = 1.0 if title == "accuracy" else highest
    return LinePanel(title=title, x="step", y=UNITS.get(title, title), series=series, at=at, low=low, top=top)


def _number(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    return float(value) if known else None
