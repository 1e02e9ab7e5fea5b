"""How much one command may spend. Calls are counted before they start; tokens and money when they are reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rlaif.costs.prices import Price
from rlaif.errors import BudgetError, InputError
from rlaif.records import Usage

UNITS = ("calls", "tokens", "money", "minutes")


@dataclass(slots=True, kw_only=True)
class Budget:
    """Limits of one command, and what it has used of them. Calls taken from the store cost nothing.

    `calls` is never passed. Tokens, money and minutes are known when a call ends: no call starts once they are used
    up, and those under way are finished and kept.
    """

    limits: Mapping[str, float] = field(default_factory=dict)
    price_of: Callable[[str], Price | None] | None = None
    """The price of a model by its name; None: no model has one."""
    clock: Callable[[], float] = time.monotonic
    calls: int = 0
    tokens: int = 0
    money: float = 0.0
    started: float | None = None
    known: dict[str, Price | None] = field(default_factory=dict)
    """Prices that were looked up, by model name: a look at the table is no cheap thing for each call."""

    def room(self, wanted: int) -> int:
        """How many of `wanted` calls may start now."""
        self._start()
        if self._passed(("tokens", "money", "minutes")):
            return 0
        most = self.limits.get("calls")
        return wanted if most is None else max(0, min(wanted, int(most) - self.calls))

    def start(self, calls: int) -> None:
        """Count calls that start now."""
        self._start()
        self.calls += calls

    def spend(self, name: str, usage: Usage) -> None:
        """Count the tokens of a call of model `name` that has ended."""
        self.tokens += usage.prompt_tokens + usage.completion_tokens
        self.money += self.cost_of(name, usage) or 0.0

    def cost_of(self, name: str, usage: Usage) -> float | None:
        """What these tokens cost at model `name`; None where it has no price."""
        price = self._price(name)
        return None if price is None else price.of(usage)

    def require_price(self, name: str) -> None:
        """Raise InputError where money is limited and the model has no price."""
        if "money" in self.limits and self._price(name) is None:
            raise InputError(
                f"--budget money={self.limits['money']:g}: {name} has no price; add it to a table and name that "
                "with --prices (docs/costs.md), or limit tokens"
            )

    def stop(self) -> BudgetError:
        """The error of a command that may not go on."""
        used = {
            "calls": f"{self.calls}",
            "tokens": f"{self.tokens}",
            "money": f"{self.money:.4g}",
            "minutes": f"{self._minutes():.1f}",
        }
        said = ", ".join(f"{used[unit]} of {most:g} {unit}" for unit, most in self.limits.items())
        return BudgetError(
            f"the budget is used up ({said}); what is finished is kept, the same command goes on with a new one"
        )

    def _price(self, name: str) -> Price | None:
        if name not in self.known:
            self.known[name] = None if self.price_of is None else self.price_of(name)
        return self.known[name]

    def _start(self) -> None:
        if self.started is None:
            self.started = self.clock()

    def _minutes(self) -> float:
        return 0.0 if self.started is None else (self.clock() - self.started) / 60

    def _passed(self, units: tuple[str, ...]) -> bool:
        used = {"tokens": self.tokens, "money": self.money, "minutes": self._minutes()}
        return any(unit in self.limits and used[unit] >= self.limits[unit] for unit in units)


def read_budget(text: str) -> dict[str, float]:
    """`calls=1000,tokens=2e6,money=5,minutes=30` as limits. Raises InputError."""
    limits: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        unit, _, said = (each.strip() for each in part.partition("="))
        try:
            value = float(said.replace("_", ""))
        except ValueError:
            value = -1.0
        if unit not in UNITS or not 0 < value < 1e18:
            raise InputError(
                f"--budget: {part!r} is none of {', '.join(f'{each}=NUMBER' for each in UNITS)}, above 0; "
                "several go with commas between them"
            )
        if unit in limits:
            raise InputError(f"--budget: {unit} is given twice; keep one")
        limits[unit] = value
    if not limits:
        raise InputError("--budget: names no limit; e.g. --budget calls=1000,minutes=30")
    return limits
