"""`rlaif view`: all runs of a project on local pages."""

from __future__ import annotations

from pathlib import Path

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.pages import serve_page


@click.command(
    cls=Command,
    examples=(
        "rlaif view",
        "rlaif view my-project --open",
        "rlaif view runs/loop --port 8900",
    ),
)
@click.argument("directory", type=click.Path(path_type=Path), default=Path(), required=False)
@options.option("--port", type=click.IntRange(0, 65535), default=0, help="Port [default: any free port].")
@options.option("--reviewer", help="Name of who reviews pairs [default: the login name].")
@options.option("--open", "browser", is_flag=True, help="Open the page in the browser.")
@options.store
def view(directory: Path, port: int, reviewer: str | None, browser: bool, store: Path | None) -> None:
    """Look at all runs of the project in DIRECTORY (default: here) in a browser, also while they run.

    Runs with their results and costs, curves, samples with every judgment, pairs to review, audits, constitutions, and
    two runs beside each other. Serves to this machine only, under an address with a secret token, until interrupted.
    Reads the files of runs and never locks them. DIRECTORY may also be a run, which is then shown first.
    """
    from rlaif.workflows.view import serve

    serve_page(
        lambda said: serve(directory, port=port, reviewer=reviewer, store=store, said=said), browser=browser
    )
