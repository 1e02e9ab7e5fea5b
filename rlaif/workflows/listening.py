"""Web servers of ours: a port that is held before anything is opened, and serving until somebody asks to stop."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rlaif.errors import EngineError, InputError

if TYPE_CHECKING:
    from starlette.applications import Starlette

LOOPBACK = "127.0.0.1"
_WAITING = 1024
"""Connections that the system holds until they are accepted; those of a step of RL come all at once."""
_STOPS = (signal.SIGINT, signal.SIGTERM)


def require_web_packages(command: str) -> None:
    """Raise EngineError where the web packages are not installed; `command` names who needs them."""
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise EngineError(f"{command} needs starlette and uvicorn; install them: pip install 'rlaif[review]'")


def is_loopback(host: str) -> bool:
    """Whether this address or name is this machine's own, by which nobody else reaches it."""
    return host in (LOOPBACK, "::1", "localhost")


def listen(port: int, host: str = LOOPBACK) -> socket.socket:
    """A socket at which this process listens; 0: any free port. Connections wait until they are accepted.

    Raises InputError where the port is in use, or the address is none of this machine's.
    """
    held = None
    try:
        [family, *_, address] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        held = socket.socket(family)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(address)
        held.listen(_WAITING)
    except (OSError, UnicodeError) as wrong:
        if held is not None:
            held.close()
        said = getattr(wrong, "strerror", None) or "is no address"
        if host == LOOPBACK or getattr(wrong, "errno", None) in (errno.EADDRINUSE, errno.EACCES):
            raise InputError(f"--port {port}: cannot be used ({said}); leave it out for a free one") from None
        raise InputError(f"--host {host}: cannot be used ({said}); name an address of this machine") from None
    return held


def address_of(held: socket.socket) -> str:
    """The address of a socket, as a browser takes it."""
    host, port, *_ = held.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve_until_interrupted(app: Starlette, held: socket.socket) -> None:
    """Serve; a signal ends it as any other command: KeyboardInterrupt."""
    import uvicorn

    uvicorn.Server(_config(app)).run(sockets=[held])


def serve_until_stopped(app: Starlette, held: socket.socket, *, grace_s: float) -> bool:
    """Serve until SIGINT or SIGTERM; then take no more requests, and finish those that are under way.

    Args:
        app: what answers.
        held: from `listen`.
        grace_s: seconds for the requests under way; a second signal ends them at once.

    Returns:
        Whether all of them were finished.
    """
    import uvicorn

    class Stoppable(uvicorn.Server):
        """Ends without raising the signal once more: that it came is no fault."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            if threading.current_thread() is not threading.main_thread():
                yield
                return
            before = {each: signal.signal(each, self._stop) for each in _STOPS}
            try:
                yield
            finally:
                for each, handler in before.items():
                    signal.signal(each, handler)

        def _stop(self, number: int, frame: Any) -> None:
            self.force_exit = self.should_exit
            self.should_exit = True

    server = Stoppable(_config(app, timeout_graceful_shutdown=grace_s))
    asyncio.run(server.serve(sockets=[held]))
    return not server.force_exit


def _config(app: Starlette, **changed: Any) -> Any:
    import uvicorn

    return uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, use_colors=False, **changed
    )
