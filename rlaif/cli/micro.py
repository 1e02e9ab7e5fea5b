"""`rlaif micro`: build and measure the bundled world's models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.command import CommandGroup
from rlaif.cli.output import echo, emit, say


@click.group(
    cls=CommandGroup,
    examples=(
        "rlaif micro words",
        "rlaif micro report micro --prompts 40",
    ),
)
def micro() -> None:
    """Build and measure the models of the microworld: a small language whose truth is computable."""


@micro.command(
    examples=(
        "rlaif micro build --out family",
        "rlaif micro build --planted-flaw 0.5 --flaw length --out flawed",
    ),
)
@options.out()
@options.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), help="Stop training after this many minutes."
)
@options.option("--processes", type=click.IntRange(min=1), help="Training processes [default: one per core].")
@options.option(
    "--planted-flaw",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the judge's training comparisons labelled by a harmless feature that gold ignores.",
)
@options.option(
    "--flaw",
    type=click.Choice(["token", "length"]),
    default="token",
    show_default=True,
    help="The feature of --planted-flaw: a certain sentence, or the longer text.",
)
@options.option(
    "--judge-noise",
    type=click.FloatRange(0, 0.5),
    default=0.0,
    show_default=True,
    help="Share of the judge's training labels that is flipped.",
)
@options.seed
def build(out: Path, minutes: float | None, processes: int | None, seed: int, **knobs: Any) -> None:
    """Train the family of models (micro:base, micro, micro:weak) from nothing. The same command resumes."""
    from rlaif.microworld.draws import LabelNoise
    from rlaif.microworld.family import build_family

    found = build_family(seed, out, minutes, processes, LabelNoise(**knobs))
    for name, accuracy in found.items():
        say(f"{name}: pair accuracy {accuracy:.3f}")
    echo(f"models in {out}; measure them with: rlaif micro report {out / 'micro'}")


@micro.command(
    examples=(
        "rlaif micro report micro",
        "rlaif micro report family --prompts 40 --json",
    ),
)
@click.argument("model", default="micro")
@options.option(
    "--prompts", type=click.IntRange(min=10), default=160, show_default=True, help="Held-out prompts."
)
@options.option(
    "--pairs", type=click.IntRange(min=4), default=40, show_default=True, help="Pairs of each attribute."
)
@options.seed
@options.as_json
def report(model: str, prompts: int, pairs: int, seed: int, as_json: bool) -> None:
    """Measure every skill of MODEL on held-out material.

    MODEL is a bundled name, a model directory, or the directory of a family.
    """
    from rlaif.microworld.report import report as measure

    family = Path(model)
    if (family / "micro" / "config.json").is_file() and not (family / "config.json").exists():
        model = str(family / "micro")
    found = measure(model, seed=seed, prompts=prompts, per_attribute=pairs)
    emit(found, "\n".join(_lines(found)), as_json=as_json)


@micro.command(
    examples=(
        "rlaif micro words",
        "rlaif micro words --json",
    ),
)
@options.as_json
def words(as_json: bool) -> None:
    """Print the words that the bundled judge knows in a principle. Any other word is noise to it."""
    from rlaif.microworld.readable import rule_words

    found = rule_words()
    emit({"words": found}, "\n".join(found), as_json=as_json)


def _lines(value: object, name: str = "") -> list[str]:
    if isinstance(value, dict):
        return [
            line
            for key, item in value.items()
            for line in _lines(item, f"{name}.{key}" if name else str(key))
        ]
    return [f"{name:<44} {value:.3f}" if isinstance(value, float) else f"{name:<44} {value}"]
