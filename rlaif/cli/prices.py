"""`rlaif prices`: the table by which calls are priced, and a copy of it to edit."""

from __future__ import annotations

from pathlib import Path

import click

from rlaif.cli import options
from rlaif.cli.output import emit
from rlaif.review.tables import table


@click.command()
@options.prices
@options.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the table into this new file, to edit it and name it with --prices.",
)
@options.as_json
def prices(prices: Path | None, out: Path | None, as_json: bool) -> None:
    """Show what a million tokens of each model cost, by the shipped table or your own.

    \b
    rlaif prices --out prices.yaml && $EDITOR prices.yaml
    rlaif generate ... --prices prices.yaml --dry-run            (or RLAIF_PRICES=prices.yaml)

    The first entry that fits a model's name decides. A model without one has no price, which is not zero.
    """
    from rlaif.costs import copy_prices, read_prices

    found = read_prices(prices)
    if out is not None:
        copy_prices(out, prices)
    rows = [[model, price.prompt, price.completion] for model, price in found.entries]
    head = ["model", f"{found.currency} a million sent", "written"]
    emit(found.as_dict(), table(head, rows), as_json=as_json)
