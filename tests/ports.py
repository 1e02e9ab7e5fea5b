"""Ports that are nobody's, and stay so: a number that was free a moment ago may be somebody's by now."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def closed_port() -> Iterator[int]:
    """A port of this machine at which nobody listens. It is held, so that no other program can take it;
    a server of the test's own may listen there all the same, as it asks for an address in use."""
    with socket.socket() as held:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            held.setsockopt(socket.SOL_SOCKET, option, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
