"""Connections to one server: a client for each call under way, and one for all where the server speaks HTTP/2.

A pool of httpx walks over all of its connections for each call, which at 64 of them costs more than the call.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec

import httpx

from rlaif.boundary import outside
from rlaif.engines.openai.name import Settings
from rlaif.engines.openai.route import Route, nobody_trusted, route_to, trusted
from rlaif.errors import ModelError

STREAMS = 100
"""Calls that one connection of HTTP/2 carries at once, as most servers have it."""


class Connections:
    """Clients of one server. A client is lent to one call at a time, until the server turns out to speak HTTP/2."""

    def __init__(
        self, base_url: str, settings: Settings, key: str | None, transport: httpx.AsyncBaseTransport | None
    ) -> None:
        self._url = base_url
        self.plain = base_url.startswith("http:")
        """Whether nothing is encrypted on the way."""
        self.answered = False
        """Whether anything ever came back."""
        self._settings = settings
        # a small packed answer must not unfold into a huge one
        self._headers = {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {key}"} if key else {})}
        self._transport = transport
        self._all: list[httpx.AsyncClient] = []
        self._free: list[httpx.AsyncClient] = []
        self._shared: httpx.AsyncClient | None = None
        self.route = Route() if transport is not None else route_to(base_url)
        """Which proxy stands on the way."""
        with outside(ModelError, base_url, "no connection can be made: correct the address"):
            self._free.append(self._new())

    @contextmanager
    def client(self) -> Iterator[httpx.AsyncClient]:
        """A client for one call: the one that was used last, whose connection is the least likely to be stale."""
        client = self._shared or (self._free.pop() if self._free else self._new())
        try:
            yield client
        finally:
            if client is not self._shared:
                self._free.append(client)

    def share(self, client: httpx.AsyncClient) -> None:
        """All further calls go through `client`, which has found that the server speaks HTTP/2."""
        self._shared = self._shared or client

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._all:
            await client.aclose()

    def _new(self) -> httpx.AsyncClient:
        how = self._settings
        client = httpx.AsyncClient(
            base_url=self._url,
            headers=self._headers,
            # the place in the pool is ours to give: no call waits for one there
            timeout=httpx.Timeout(connect=how.connect, read=how.read, write=how.write, pool=how.total),
            # one call needs one connection; the others are for HTTP/2 alone
            limits=httpx.Limits(max_connections=1 + how.at_once // STREAMS, keepalive_expiry=30),
            http2=find_spec("h2") is not None,
            # the variables that httpx would read are read by `route`
            trust_env=False,
            proxy=self._proxy,
            verify=self._trusted,
            transport=self._transport,
        )
        self._all.append(client)
        return client

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        """Whom to trust, read once: it takes longer than many calls."""
        proxied = self.route.proxy is not None and self.route.proxy.startswith("https:")
        return trusted() if self._url.startswith("https:") or proxied else nobody_trusted()

    @property
    def _proxy(self) -> httpx.Proxy | None:
        if self.route.proxy is None:
            return None
        tls = self._trusted if self.route.proxy.startswith("https:") else None
        return httpx.Proxy(self.route.proxy, ssl_context=tls)
