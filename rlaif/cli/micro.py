"""`rlaif micro`: build and measure the bundled world's models."""

from __future__ import annotations

from pathlib import Path

import click

from rlaif.cli import options
from rlaif.cli.output import emit


@click.group()
def micro() -> None:
    """The microworld: a small language with computable truth, and its models."""


@micro.command()
@options.out()
@options.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Stop training after so long.")
@options.seed
def build(seed: int, out: Path, minutes: float | None) -> None:
    """Make the whole family of models from nothing; the same command resumes."""
    from rlaif.microworld.build import build as make

    make(seed=seed, out=out, minutes=minutes)
    click.echo(f"models in {out}; measure them with: rlaif micro report {out}")


@micro.command()
@click.argument("model", default="micro")
@options.seed
@options.as_json
def report(model: str, seed: int, as_json: bool) -> None:
    """Measure every skill of MODEL (a directory or a bundled name) on held-out material."""
    from rlaif.microworld.report import report as measure

    found = measure(model, seed=seed)
    emit(found, "\n".join(_lines(found)), as_json=as_json)


def _lines(value: object, name: str = "") -> list[str]:
    if isinstance(value, dict):
        return [
            line
            for key, item in value.items()
            for line in _lines(item, f"{name}.{key}" if name else str(key))
        ]
    return [f"{name:<44} {value:.3f}" if isinstance(value, float) else f"{name:<44} {value}"]
