"""`rlaif import`: other people's preferences as a run."""

from __future__ import annotations

from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.ending import listed, within
from rlaif.cli.next_step import command_line
from rlaif.cli.output import emit
from rlaif.cli.registered import Registered


def _formats() -> list[str]:
    from rlaif.workflows.datasets.formats import formats_of_import

    return formats_of_import()


@click.command(
    "import",
    cls=Command,
    examples=(
        "rlaif import harmless-base/test.jsonl.gz --out runs/hh",
        "rlaif import prefs.parquet --format trl --limit 1000 --out runs/theirs",
    ),
)
@click.argument("source")
@options.option(
    "--format",
    type=Registered(_formats),
    help="Format (docs/formats.md) [default: detected from the first row].",
)
@options.out()
@options.option("--limit", type=click.IntRange(min=1), help="Use only the first N rows.")
@options.option(
    "--split-thoughts",
    is_flag=True,
    help="A thought between marks (<think>...</think> and its like) that an answer begins with becomes its thought.",
)
@options.store
@options.as_json
def import_(as_json: bool, **chosen: Any) -> None:
    """Read preferences from elsewhere (people's, another project's) as a run, for train, judge, audit and export.

    SOURCE is a file (JSONL, also gzipped, JSON, CSV, Parquet) or a `datasets` directory (DIR#split).
    """
    from rlaif.workflows.datasets.import_preferences import ImportConfig, import_preferences

    done = import_preferences(ImportConfig(**chosen))
    counted = listed(f"{name} {count:,}" for name, count in done.funnel.items())
    text, then = "\n".join([*within(counted), done.summary]), command_line("audit", chosen["out"])
    emit(done.as_dict(), text, as_json=as_json, then=then)
