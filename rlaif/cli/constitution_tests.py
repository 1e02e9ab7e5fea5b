"""What `constitution test` says: in short, and in full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rlaif.cli.ending import side, within
from rlaif.cli.output import shortened
from rlaif.review.tables import table

if TYPE_CHECKING:
    from rlaif.records import PrincipleTest
    from rlaif.workflows.generate.principle_tests import Tried

SHOWN = 2
"""Tests that the ending shows of those that did not pass."""


def tests_ending(tried: Tried) -> list[str]:
    """How many passed, and the first that did not, failed ones before undecided ones."""
    from rlaif.workflows.generate.principle_tests import VERDICTS

    counts = {verdict: sum(each.count(verdict) for each in tried.outcomes.values()) for verdict in VERDICTS}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    lines = within(f"{sum(counts.values())} tests of {len(tried.outcomes)} principles: {told}", 2)
    slips = sorted(_not_passed(tried), key=lambda each: VERDICTS.index(each[1]))
    for place, _, why, _ in slips[:SHOWN]:
        lines += side(place, why, 2)
    lines += [f"and {len(slips) - SHOWN} more: --full"] if len(slips) > SHOWN else []
    lines += within(f"without tests: {', '.join(tried.untested)}", 1) if tried.untested else []
    return [*lines, *within(_spent(tried), 2)]


def tests_in_full(tried: Tried) -> list[str]:
    """A row a principle, then every test that did not pass with both of its texts."""
    from rlaif.workflows.generate.principle_tests import VERDICTS

    rows = [
        [name, *(each.count(verdict) for verdict in VERDICTS), each.tests]
        for name, each in tried.outcomes.items()
    ]
    lines = [table(["principle", *VERDICTS, "tests"], rows)]
    for place, _, why, test in _not_passed(tried):
        lines.append(
            f"{place}: {why}: {shortened(test.better)!r} should be better than {shortened(test.worse)!r}"
        )
    lines += [f"without tests: {', '.join(tried.untested)}"] if tried.untested else []
    return [*lines, _spent(tried)]


def _spent(tried: Tried) -> str:
    calls, tokens = (
        ", ".join(f"{n} {key}" for key, n in each.items()) for each in (tried.calls, tried.tokens)
    )
    return f"calls: {calls}; tokens: {tokens}"


def _not_passed(tried: Tried) -> Iterator[tuple[str, str, str, PrincipleTest]]:
    """Place, verdict and reason of each, with the test."""
    lines = {each.id: f"{each.source}:{each.line}: " for each in tried.constitution.principles if each.line}
    for name, outcome in tried.outcomes.items():
        for number, each in enumerate(outcome.results, 1):
            if each.verdict != "passed":
                why = f"P(better) {each.label_prob:.2f}" if each.label_prob is not None else each.reason
                near = ", a near miss" if each.test.near_miss else ""
                place = f"{lines.get(name, '')}{name}: test {number}{near}"
                yield place, each.verdict, f"{each.verdict} ({why})", each.test
