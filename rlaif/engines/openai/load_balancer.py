"""Servers behind one model: the least loaded is asked, a dead one set aside and probed, a wrong one refused."""

from __future__ import annotations

import asyncio
import logging
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
from rlaif.engines.openai.route import START, advice, remedy
from rlaif.errors import EngineError, ModelError

STRIKES = 5
"""Answers of a wrong server in a row before it is refused: one alone may be a fault on the way."""
STRIKES_OF_KNOWN = 50
"""The same for a server that has given right answers."""
SILENCES = 3
"""Calls in a row that a server takes and does not answer in time before it is set aside: one alone may be slow."""
PROBE_S = 30.0
"""Longest time for which a dead server is left alone."""
SAID_S = 5.0
"""A wait of this length is told to the user, with its reason."""
MANY_FAULTS = 20
"""Faults in a row, over all servers, before their lasting longer than `patience` means anything."""
STILL_S = 60.0
"""Time without any answer to the calls under way after which that is told."""
_log = logging.getLogger(__name__)


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
    pause: str = ""
    """Why it is left alone until `free_at`."""
    asked_until: float = 0.0
    """Monotonic second until which it asked to be left alone."""
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
        self._told_until = 0.0
        """Monotonic second up to which the user was told to wait."""
        self._answered = 0.0
        """Monotonic second of the last answer that was one, or of the first call."""
        self._faults: list[str] = []
        """What has come since then instead of answers."""
        self._watch: asyncio.TimerHandle | None = None

    async def acquire(self, cost: float, needs: Sequence[str] = ()) -> Server:
        """The server to ask next, with a place on it taken; waits until there is one.

        One without the capabilities `needs` is taken only where all lack some.
        """
        while True:
            now = time.monotonic()
            able = [
                each
                for each in self.servers
                if needs and not each.refused and all(map(each.capabilities.can, needs))
            ]
            delays = [(each.delay(now, self.settings.at_once), each) for each in able or self.servers]
            open_ = [each for delay, each in delays if delay == 0.0]
            if open_:
                # a dead one whose time has come is probed first, by this one call
                best = min(open_, key=lambda each: (each.deaths == 0, each.in_flight))
                best.in_flight += 1
                best.calls.take(1, now)
                best.tokens.take(cost, now)
                self._look_after(now)
                return best
            self._refuse_hopeless(now)
            self._refuse_long_wait(now)
            waits = [delay for delay, _ in delays if delay is not None]
            self._tell_wait([(delay, each) for delay, each in delays if delay is not None], now)
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
        self._heard(outcome, now)
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
                server.free_at, server.pause = now + min(pause, PROBE_S), outcome.reason
            return
        server.deaths = 0
        self._silent_since = None
        if outcome.fault is None:
            server.strikes = server.busy = 0
            server.known = True
        elif outcome.fault is AttemptFault.WRONG:
            server.strikes += 1
            if server.strikes >= (STRIKES_OF_KNOWN if server.known else STRIKES):
                server.refused = outcome.reason + advice(outcome.status, server.url)
        elif outcome.fault is AttemptFault.BUSY and not outcome.wait and fresh:  # "at once" says nothing
            server.busy += 1
            server.free_at = now + backoff(self.settings.wait, min(server.busy, 6), server.url, call)
            server.pause = outcome.reason
        if outcome.wait is not None:
            server.free_at = max(server.free_at, now + min(outcome.wait, MOST_RETRY_AFTER_S))
            server.asked_until, server.pause = now + outcome.wait, f"it asks for that: {outcome.reason}"

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

    def _refuse_long_wait(self, now: float) -> None:
        """A wait that all servers ask for and nobody wants: it is known before it begins."""
        asked = [each for each in self.servers if not each.refused]
        if any(each.in_flight or each.asked_until - now <= self.settings.patience for each in asked):
            return
        first = min(asked, key=lambda each: each.asked_until)
        raise EngineError(
            f"{self.name}: {first.url} is to be left alone for {first.asked_until - now:,.0f} s ({first.pause}), "
            f"longer than ?patience={self.settings.patience:g}; what is finished is kept, run the same command again "
            "then, or raise the patience in the model's name"
        )

    def _heard(self, outcome: AttemptOutcome, now: float) -> None:
        """Know how long no answer was one. Raises EngineError where that is longer than anybody wants to wait.

        A gateway whose backend is gone answers each call, after a while, with an error of its own.
        """
        if outcome.fault in (None, AttemptFault.CALL):
            self._answered = now
            self._faults.clear()
            return
        if outcome.fault is AttemptFault.DOWN:  # a server that is not reached has its own limit
            return
        self._faults.append(outcome.reason)
        lasted = now - self._answered
        if self._answered and len(self._faults) >= MANY_FAULTS and lasted >= self.settings.patience:
            raise EngineError(
                f"{self.name}: nothing but faults for {lasted:.0f} s, the last of {len(self._faults)}: "
                f"{outcome.reason}; what is finished is kept, mend the server and run the same command again"
            )

    def _tell_wait(self, delays: Sequence[tuple[float, Server]], now: float) -> None:
        """Say once that nothing is asked for a while, and why."""
        seconds, server = min(delays, key=lambda each: each[0], default=(0.0, None))
        if server is None or seconds < SAID_S or now + seconds <= self._told_until + 1:
            return
        if server.asked_until - now > self.settings.patience:  # not waited for, once nothing is under way
            return
        self._told_until = now + seconds
        own = "its limits ?rpm= and ?tpm= are used up"
        why = server.pause if server.free_at - now >= seconds - 0.01 else own
        _log.warning("%s: waits %.0f s for %s: %s", self.name, seconds, server.url, why)

    def _look_after(self, now: float) -> None:
        """See to it that calls which nobody answers for long are told of."""
        if self._watch is None:
            self._answered = max(self._answered, now)
            self._watch = asyncio.get_running_loop().call_later(STILL_S, self._still)

    def _still(self) -> None:
        self._watch = None
        under_way, now = sum(each.in_flight for each in self.servers), time.monotonic()
        if not under_way:
            return
        if now - self._answered >= STILL_S:
            last = f"; the last attempt: {self._faults[-1]}" if self._faults else ""
            _log.warning(
                "%s: no answer for %.0f s to %d calls under way%s",
                self.name,
                now - self._answered,
                under_way,
                last,
            )
        self._watch = asyncio.get_running_loop().call_later(STILL_S, self._still)

    async def _wait(self, seconds: float | None) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            turn.cancel()
