"""`rlaif review`: review pairs on a local page."""

from __future__ import annotations

from pathlib import Path

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.next_step import command_line
from rlaif.cli.pages import serve_page


@click.command(
    cls=Command,
    examples=(
        "rlaif review runs/r1",
        "rlaif review runs/r1 --reviewer ada --open",
    ),
)
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@options.option("--port", type=click.IntRange(0, 65535), default=0, help="Port [default: any free port].")
@options.option("--reviewer", help="Name of the reviewer [default: the login name].")
@options.option("--open", "browser", is_flag=True, help="Open the page in the browser.")
@options.store
def review(run: Path, port: int, reviewer: str | None, browser: bool, store: Path | None) -> None:
    """Review the pairs of RUN in a browser: say which side is better without seeing the judge's label.

    Serves a page to this machine only, under an address with a secret token, until interrupted. Decisions are kept in
    the store with reviewer and time. `rlaif audit` reports the agreement with them; `--reviewed` of `train` and
    `export` uses them.
    """
    from rlaif.workflows.datasets.review import serve

    serve_page(
        lambda said: serve(run, port=port, reviewer=reviewer, store=store, said=said),
        browser=browser,
        then=command_line("audit", run),
    )
