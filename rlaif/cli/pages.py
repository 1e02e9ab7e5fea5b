"""A page that a command serves until somebody stops it, which is its end and no accident."""

from __future__ import annotations

from collections.abc import Callable

import click

from rlaif.cli.output import echo, say


def serve_page(
    serve: Callable[[Callable[[str], None]], None], *, browser: bool, then: str | None = None
) -> None:
    """Serve until Ctrl-C.

    Args:
        serve: serves, and calls back with the address.
        browser: whether the address is opened in one.
        then: the command to run next.
    """

    def said(address: str) -> None:
        echo(address)
        if browser:
            click.launch(address)

    try:
        serve(said)
    except KeyboardInterrupt:
        say("\nstopped; what was decided is kept")
        if then is not None:
            say(f"next: {then}")
