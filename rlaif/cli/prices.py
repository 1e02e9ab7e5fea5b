"""`rlaif prices`: the table by which calls are priced, and a copy of it to edit."""

from __future__ import annotations

from pathlib import Path

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.output import emit
from rlaif.review.tables import table


@click.command(
    cls=Command,
    examples=(
        "rlaif prices",
        "rlaif prices --out prices.yaml && $EDITOR prices.yaml",
    ),
)
@options.prices
@options.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the table to this new file, to edit and pass to --prices.",
)
@options.as_json
def prices(prices: Path | None, out: Path | None, as_json: bool) -> None:
    """Show the price of a million tokens for each model, from the shipped table or your own.

    The first entry that fits a model's name is used. A model without an entry has an unknown price, which is not
    zero.
    """
    from rlaif.costs import copy_prices, read_prices

    found = read_prices(prices)
    if out is not None:
        copy_prices(out, prices)
    rows = [[model, price.prompt, price.completion] for model, price in found.entries]
    head = ["model", f"{found.currency} a million sent", "written"]
    emit(found.as_dict(), table(head, rows), as_json=as_json)
