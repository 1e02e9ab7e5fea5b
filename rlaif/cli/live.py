"""How far a command is, on stderr: two live lines on a terminal, elsewhere a line every `LINE_EVERY_S`.

What is finished leaves one line behind. Everything is told to one `Display`, whichever command runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from rlaif.terminal import console, drawn, printable
from rlaif.workflows.progress import ModelCalls

if TYPE_CHECKING:
    from rlaif.workflows.recipe.pace import EndedRound, EndedStep, RunStanding

LINE_EVERY_S = 30.0
"""Seconds between two lines about one step, where there is no terminal."""
REASON = 40
"""Most characters of why calls failed."""
BAR = 24
CALLS = "calls"
"""The place of a command of which nothing is known but the calls that it makes."""
FIGURES = {
    "reward": "reward",
    "loss": "loss",
    "rewards/margins": "margin",
    "rewards/accuracies": "accuracy",
    "accuracy": "accuracy",
    "kl": "KL",
}
"""Figures of a training that are shown while it runs, by TRL's names."""
RESULTS = {
    "pairs": "pairs",
    "pair_precision": "precision",
    "gold_mean": "gold",
    "judge_mean": "judge",
    "kl": "KL",
    "kept": "kept",
    "rubrics": "rubrics",
}
"""Figures of a finished step that are worth a word, by their column in `rounds.json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """How far a step is, and what it took so far."""

    place: str
    done: int = 0
    total: int | None = None
    about: bool = False
    """Whether the total is a guess."""
    unit: str = "call"
    seconds: float = 0.0
    """Since the step began."""
    left_s: float | None = None
    in_all: bool = False
    """Whether that is the time until the whole command is done."""
    asked: tuple[ModelCalls, ...] = ()
    tokens: int = 0
    """Of all models, since the step began."""
    figures: Mapping[str, float] = field(default_factory=dict)


class Display:
    """What a command tells of its progress."""

    def __init__(
        self,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """Show nothing where `quiet`."""
        from rlaif.cli.output import say as usual

        self._say = say or usual
        self._screen = console()
        self.live = self._screen.is_terminal and not quiet
        self._quiet, self._clock = quiet, clock
        self._calls: int | None = None
        self._asked: dict[str, ModelCalls] = {}
        self._figures: Mapping[str, float] = {}
        self._done: dict[str, int] = {}
        self._what = ""
        self._total: int | None = None
        self.standing: RunStanding | None = None
        self._began = self._told_at = clock()
        self._place = ""
        self._tokens_before = 0
        self._open = ExitStack()

    def expect(self, calls: int | None) -> None:
        """Take in how many calls the forecast counts: a bar has an end."""
        self._calls = calls

    def __enter__(self) -> Self:
        if self.live:
            from rich.live import Live

            live = Live(
                get_renderable=self._picture,
                console=self._screen,
                refresh_per_second=4,
                transient=True,
                redirect_stdout=True,
                redirect_stderr=True,
            )
            self._open.enter_context(drawn(live))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._open.close()
        if kind is KeyboardInterrupt and not self._quiet and self.standing is None:
            self._say(printable(stood(self.progressed)))

    def report(
        self,
        what: str,
        done: int,
        total: int | None,
        /,
        *,
        asked: ModelCalls | None = None,
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """Take in what a workflow tells; see `rlaif.workflows.progress.Report`."""
        if figures is not None:
            self._figures = figures
        if self.standing is None:
            self._take(what, done, total)
        # once the step that asks has begun: its tokens are among those since then
        if asked is not None:
            self._asked[what] = asked
        if self.standing is None:
            self._line()

    def told(self, standing: RunStanding) -> None:
        """Take in where a run of rounds is."""
        self.standing = standing
        self._enter(place_of(standing))
        self._line()

    def ended(self, step: EndedStep) -> None:
        """Leave a line behind of a step that is finished."""
        self._figures = {}
        if not self._quiet:
            self._say(printable(finished(step)))

    def round_over(self, ended: EndedRound) -> None:
        """Leave a line behind of a round that is over."""
        if self.standing is not None and ended.row["round"] == self.standing.of:
            self.standing, self._place, self._what, self._total = None, "writing the report", "", None
            self._done = {}
        if not self._quiet:
            self._say(printable(finished_round(ended)))

    @property
    def progressed(self) -> Progressed:
        """How far the command is."""
        shared: dict[str, Any] = {
            "place": self._place,
            "seconds": self._clock() - self._began,
            "asked": tuple(self._asked.values()),
            "tokens": self._tokens - self._tokens_before,
            "figures": self._figures,
        }
        if (at := self.standing) is not None:
            return Progressed(
                **shared,
                done=at.done,
                total=at.total,
                about=at.unit == "call",
                unit=at.unit,
                left_s=at.left_s,
                in_all=True,
            )
        done, total = sum(self._done.values()), self._total
        left = None
        if total is not None and done and shared["seconds"] >= 1:
            left = max(0, total - done) * shared["seconds"] / done
        counted = self._what.startswith("calls of ")
        return Progressed(
            **shared,
            done=done,
            total=None if total is None else max(total, done),
            about=counted,
            unit="call" if counted else "step" if self._figures else "",
            left_s=left,
        )

    def _take(self, what: str, done: int, total: int | None) -> None:
        calls = total is None
        if calls and self._what and not self._what.startswith("calls of "):
            return  # a training asks its reward: the steps are what has an end
        if not calls and what != self._what:
            self._done = {}
        self._enter(CALLS if calls else what)
        self._what = what
        self._done[what] = done
        self._total = self._calls if calls else total

    @property
    def _tokens(self) -> int:
        return sum(each.tokens for each in self._asked.values())

    def _enter(self, place: str) -> None:
        if place != self._place:
            self._place, self._began, self._tokens_before = place, self._clock(), self._tokens
            self._told_at = self._began if self.standing is None else self._began - LINE_EVERY_S

    def _line(self) -> None:
        """Off a terminal: a line now and again."""
        now = self._clock()
        if not self.live and not self._quiet and now - self._told_at >= LINE_EVERY_S:
            self._told_at = now
            self._say(printable(", ".join(filter(None, lines(self.progressed)))))

    def _picture(self) -> Any:
        """The two lines with their bar."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        at = self.progressed
        first, second = lines(at)
        row = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=at.total, completed=at.done, width=BAR, pulse=at.total is None)
        row.add_row(bar, Text(printable(first), no_wrap=True, overflow="ellipsis"))
        return Group(row, Text(printable(second), style="dim", no_wrap=True, overflow="ellipsis"))


def place_of(standing: RunStanding) -> str:
    """Where a run is: `round 1 of 3, step 2 of 5: judge`."""
    return f"round {standing.round} of {standing.of}, step {standing.number} of {standing.steps}: {standing.step}"


def stood(at: Progressed) -> str:
    """How far an interrupted command was, and what of that is kept."""
    if not at.done:
        return "interrupted before anything was made"
    if at.unit == "step":
        return (
            f"interrupted at {_where(at)}; it goes on from its newest checkpoint, or from the start where none is "
            "written yet"
        )
    return f"interrupted at {_where(at)}; all answers are in the store, and none is asked for again"


def lines(at: Progressed) -> tuple[str, str]:
    """Where a command is, and how it does: two lines; the second is empty while nothing is known."""
    return _where(at), ", ".join(_how(at))


def _where(at: Progressed) -> str:
    if not at.done and at.total is None:
        return at.place or "loading models, counting what is to be asked"
    counted = f"{at.done:,}"
    if at.total is not None:
        counted += f" of {'about ' if at.about else ''}{at.total:,}"
    return (
        f"{counted} calls"
        if at.place == CALLS
        else f"{at.place}: {counted}{f' {at.unit}s' if at.unit else ''}"
    )


def _how(at: Progressed) -> list[str]:
    said = [f"{name} {at.figures[key]:.3g}" for key, name in FIGURES.items() if key in at.figures]
    if at.unit != "step" and at.done and at.seconds >= 1:
        said.append(
            f"{at.done / at.seconds:,.3g}/s"
            if at.done < 1e3 * at.seconds
            else f"{at.done / at.seconds:,.0f}/s"
        )
    if tokens := sum(each.tokens for each in at.asked):
        rate = f" ({short(round(at.tokens / at.seconds))}/s)" if at.tokens and at.seconds >= 1 else ""
        said.append(f"{short(tokens)} tokens{rate}")
    money = [each.money for each in at.asked if each.new]
    if known := [each for each in money if each is not None]:
        said.append(f"cost {'at least ' if len(known) < len(money) else ''}{sum(known):.2f}")
    if reused := sum(each.reused for each in at.asked):
        said.append(f"{short(reused)} from the store")
    said += _failed(at.asked)
    if at.left_s is not None:
        said.append(f"about {duration(at.left_s)} left{' in all' if at.in_all else ''}")
    return said


def _failed(asked: tuple[ModelCalls, ...]) -> list[str]:
    said = []
    if failed := sum(each.failed for each in asked):
        reason = " ".join(max(asked, key=lambda each: each.failed).reason.split())
        reason = reason if len(reason) <= REASON else f"{reason[: REASON - 3]}..."
        said.append(f"{failed:,} failed{f' ({reason})' if reason else ''}")
    if cut := sum(each.cut for each in asked):
        said.append(f"{cut:,} ran out of tokens")
    return said


def finished(step: EndedStep) -> str:
    """A finished step in one line."""
    how = [f"{step.done:,} {step.unit}s"] if step.done else ["found where it was made"] if step.found else []
    how += results(step.row)
    taken = f" ({duration(step.seconds)})" if step.seconds >= 1 else ""
    return f"  {step.step}: {', '.join(how) or 'done'}{taken}"


def finished_round(ended: EndedRound) -> str:
    """A round that is over in one line: `round 1: 300 pairs, gold 0.56 -> 0.77`."""
    before, row = ended.before or {}, ended.row
    said = []
    for column, name in RESULTS.items():
        value = row.get(column)
        if not isinstance(value, int | float) or isinstance(value, bool) or (column == "pairs" and not value):
            continue
        was = before.get(column)
        moved = column in ("gold_mean", "judge_mean") and isinstance(was, int | float)
        said.append(_figure(name, value, was if moved else None))
    return f"round {row['round']}: {', '.join(said) or 'nothing was measured'} ({duration(ended.seconds)})"


def results(row: Mapping[str, Any]) -> list[str]:
    """What a finished step made, in words."""
    return [
        _figure(name, row[column])
        for column, name in RESULTS.items()
        if isinstance(row.get(column), int | float) and not isinstance(row[column], bool)
    ]


def _figure(name: str, value: float, before: float | None = None) -> str:
    if isinstance(value, int):
        return f"{value:,} {name}"
    was = "" if before is None else f"{before:.2f} -> "
    return f"{name} {was}{value:.2f}"


def short(count: int) -> str:
    """A count with three digits: `3.21M`."""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if count >= limit:
            return f"{count / (limit if letter != 'k' else 1e3):.3g}{letter}"
    return f"{count:,}"


def duration(seconds: float) -> str:
    """Seconds in rough words."""
    minutes = seconds / 60
    if minutes < 1:
        return f"{max(5, round(seconds / 5) * 5)} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
