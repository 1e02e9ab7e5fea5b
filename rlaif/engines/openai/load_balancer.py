"""Servers behind one model: the least loaded is asked, a dead one set aside and probed, a wrong one refused."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from rlaif.engines.openai.attempt import AttemptFault, AttemptOutcome
from rlaif.engines.openai.capabilities import Capabilities
from rlaif.engines.openai.connections import Connections
from rlaif.engines.openai.name import Settings
from rlaif.engines.openai.rate_limits import MOST_RETRY_AFTER_S, Bucket, backoff
from rlaif.engines.openai.response_ids import ResponseIds
from rlaif.engines.openai.route import START, remedy
from rlaif.errors import EngineError, ModelError

STRIKES = 5
"""Answers of a wrong server in a row before it is refused: one alone may be a fault on the way."""
STRIKES_OF_KNOWN = 50
"""The same for a server that has given right answers."""
SILENCES = 3
"""Calls in a row that a server takes and does not answer in time before it is set aside: one alone may be slow."""
PROBE_S = 30.0
"""Longest time for which a dead server is left alone."""


@dataclass(slots=True)
class Server:
    """One address, and what is known of it."""

    url: str
    connections: Connections
    capabilities: Capabilities
    calls: Bucket
    tokens: Bucket
    in_flight: int = 0
    free_at: float = 0.0
    """Monotonic second before which it is left alone."""
    deaths: int = 0
    """Attempts in a row that did not reach it; above 0 it is asked by one call at a time."""
    silences: int = 0
    """Calls in a row that it did not answer in time."""
    busy: int = 0
    """Times in a row that it told to wait without saying how long, or for no time."""
    known: bool = False
    """Whether it has answered rightly."""
    reached: bool = False
    """Whether a connection to it was ever made."""
    silence: str = ""
    """Why it was not reached."""
    strikes: int = 0
    refused: str = ""
    """Why it is not asked again."""
    ids: ResponseIds = field(default_factory=ResponseIds)
    """Its answers, by their ids."""

    def delay(self, now: float, at_once: int) -> float | None:
        """Seconds until it may be asked; None while it must answer another call first, or is refused."""
        if self.refused or self.in_flight >= (1 if self.deaths else at_once):
            return None
        return max(self.free_at - now, self.calls.delay(now), self.tokens.delay(now), 0.0)


class Servers:
    """The servers of one model, as one event loop sees them."""

    def __init__(self, name: str, servers: Sequence[Server], settings: Settings) -> None:
        self.name = name
        self.servers = servers
        self.settings = settings
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._silent_since: float | None = None

    async def acquire(self, cost: float, needs: str = "") -> Server:
        """The server to ask next, with a place on it taken; waits until there is one.

        One without the capability `needs` is taken only where all lack it.
        """
        while True:
            now = time.monotonic()
            able = [
                each for each in self.servers if needs and not each.refused and each.capabilities.can(needs)
            ]
            delays = [(each.delay(now, self.settings.at_once), each) for each in able or self.servers]
            open_ = [each for delay, each in delays if delay == 0.0]
            if open_:
                # a dead one whose time has come is probed first, by this one call
                best = min(open_, key=lambda each: (each.deaths == 0, each.in_flight))
                best.in_flight += 1
                best.calls.take(1, now)
                best.tokens.take(cost, now)
                return best
            self._refuse_hopeless(now)
            waits = [delay for delay, _ in delays if delay is not None]
            if self._silent_since is not None and not self._reached:
                waits.append(max(0.05, self._silent_since + self.settings.reach - now))
            await self._wait(min(waits, default=None))

    def release(self, server: Server, spare: float) -> None:
        """Give the place back, and tokens that were reserved and not used."""
        server.in_flight -= 1
        server.tokens.take(-spare, time.monotonic())
        while self._waiting:
            if not (first := self._waiting.popleft()).done():
                first.set_result(None)
                break

    def note(self, server: Server, outcome: AttemptOutcome, call: str) -> None:
        """Learn from an attempt."""
        now = time.monotonic()
        # calls that were under way together tell one thing, and count once
        fresh = now >= server.free_at
        server.silences = server.silences + 1 if outcome.silent else 0
        if outcome.fault is AttemptFault.DOWN:
            self._silent_since = self._silent_since or now
            server.silence = outcome.reason
        else:
            server.reached = True
        if outcome.fault is AttemptFault.DOWN or server.silences >= SILENCES:
            if fresh or not server.deaths:
                server.deaths += 1
                pause = backoff(self.settings.wait, min(server.deaths, 6), server.url)
                server.free_at = now + min(pause, PROBE_S)
            return
        server.deaths = 0
        self._silent_since = None
        if outcome.fault is None:
            server.strikes = server.busy = 0
            server.known = True
        elif outcome.fault is AttemptFault.WRONG:
            server.strikes += 1
            if server.strikes >= (STRIKES_OF_KNOWN if server.known else STRIKES):
                server.refused = outcome.reason
        elif outcome.fault is AttemptFault.BUSY and not outcome.wait and fresh:  # "at once" says nothing
            server.busy += 1
            server.free_at = now + backoff(self.settings.wait, min(server.busy, 6), server.url, call)
        if outcome.wait is not None:
            server.free_at = max(server.free_at, now + min(outcome.wait, MOST_RETRY_AFTER_S))

    @property
    def _reached(self) -> bool:
        """Whether any server has ever taken a call."""
        return any(each.reached for each in self.servers)

    def _refuse_hopeless(self, now: float) -> None:
        reasons = [f"{each.url}: {each.refused}" for each in self.servers if each.refused]
        if len(reasons) == len(self.servers):
            raise ModelError(f"{self.name}: is refused: {'; '.join(reasons)}")
        if self._silent_since is None:
            return
        limit = self.settings.patience if self._reached else min(self.settings.reach, self.settings.patience)
        if now - self._silent_since >= limit:
            silent = [each for each in self.servers if each.silence]
            where = "; ".join(f"{each.url}: {each.silence}" for each in silent)
            todo = dict.fromkeys(remedy(each.silence, each.url, each.connections.route) for each in silent)
            others = "".join(f"{each}; " for each in todo if each != START)
            start = f"{START} and " if START in todo else ""
            first = " Is the address right? One that is yet to start: ?reach=SECONDS"
            raise EngineError(
                f"{self.name}: no server was reached for {limit:g} s ({where}); {others}what is finished is kept, "
                f"{start}run the same command again.{first if start and not self._reached else ''}"
            )

    async def _wait(self, seconds: float | None) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            turn.cancel()
