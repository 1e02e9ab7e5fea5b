"""`rlaif review`: pairs on a local page, walked by keyboard."""

from __future__ import annotations

from pathlib import Path

import click

from rlaif.cli import options


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@options.option("--port", type=click.IntRange(0, 65535), default=0, help="Port [default: a free one].")
@options.option("--reviewer", help="Who decides [default: the login name].")
@options.option("--open", "browser", is_flag=True, help="Open the page in the browser.")
@options.store
def review(run: Path, port: int, reviewer: str | None, browser: bool, store: Path | None) -> None:
    """Read the pairs of RUN one by one and say which side is better, without seeing the label.

    Serves a page on this machine alone, under an address with a secret token, until interrupted. Decisions go to the
    store, with who and when: `rlaif audit` counts agreement with them, `--reviewed` of train and export honours them.
    """
    from rlaif.workflows.datasets.review import serve

    def said(address: str) -> None:
        click.echo(address)
        if browser:
            click.launch(address)

    serve(run, port=port, reviewer=reviewer, store=store, said=said)
