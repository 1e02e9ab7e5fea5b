"""When a server may be asked next: calls and tokens per minute, cool-downs, waits. Has no clock of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from rlaif.hashing import derived_seed

MINUTE = 60.0
MOST_WAIT_S = 60.0
"""Between two attempts, unless the server asks for more."""
MOST_RETRY_AFTER_S = 600.0
"""A server that asks for more is asked again all the same."""


@dataclass(slots=True)
class Bucket:
    """At most `limit` units in any minute: a burst of a sixtieth, and the rest evenly."""

    limit: int
    _left: float = 0.0
    _at: float | None = None

    @property
    def burst(self) -> float:
        """Units that may go at once."""
        return max(1.0, self.limit / 60)

    @property
    def _rate(self) -> float:
        # burst and refill together must not pass the limit in any one minute
        return max(self.limit - self.burst, self.limit / 2) / MINUTE

    def delay(self, now: float) -> float:
        """Seconds until the next call may go; 0.0 is now."""
        if not self.limit:
            return 0.0
        self._refill(now)
        return 0.0 if self._left >= min(1.0, self.burst) else (1.0 - self._left) / self._rate

    def take(self, units: float, now: float) -> None:
        """Use units; the balance may go below zero, and the next ones wait for it. Negative gives back."""
        if self.limit:
            self._refill(now)
            self._left = min(self._left - units, self.burst)

    def _refill(self, now: float) -> None:
        if self._at is None:
            self._left = self.burst
        else:
            self._left = min(self._left + (now - self._at) * self._rate, self.burst)
        self._at = now


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds a server asks to wait: a number, or an HTTP date against its own clock, else against `now` (epoch).

    OpenAI's and Azure's servers say it in milliseconds too, which is the finer figure.
    """
    fine = headers.get("retry-after-ms", "").strip()
    if fine.isascii() and fine.isdecimal() and len(fine) < 10:
        return int(fine) / 1000
    said = headers.get("retry-after", "").strip()
    if not said:
        return None
    if (seconds := _number(said)) is not None:
        return seconds
    until = _epoch(said)
    return None if until is None else max(0.0, until - (_epoch(headers.get("date", "")) or now))


def backoff(first: float, attempt: int, *ids: str) -> float:
    """Seconds before attempt `attempt` + 1 (from 1): doubling, half to one and a half of it, fixed by `ids`."""
    jitter = derived_seed("jitter", attempt, *ids) / 2**63
    return min(first * 2.0 ** (attempt - 1), MOST_WAIT_S) * (0.5 + jitter)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return max(0.0, found) if found == found else None


def _epoch(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):  # of a year that no clock has
        return None
