"""`rlaif prices`: the table by which calls are priced, and a copy of it to edit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.ending import within
from rlaif.cli.output import emit
from rlaif.review.tables import table

if TYPE_CHECKING:
    from rlaif.costs import Price


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
    paid = [[model, price.prompt, price.completion] for model, price in found.entries if _costs(price)]
    free = [model for model, price in found.entries if not _costs(price)]
    head = ["model", f"{found.currency} a million sent", "written"]
    said = [table(head, paid), *(within(f"free: {', '.join(free)}") if free else [])]
    emit(found.as_dict(), "\n".join(said), as_json=as_json)


def _costs(price: Price) -> bool:
    return bool(price.prompt or price.completion)
