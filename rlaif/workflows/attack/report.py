"""The report of `rlaif attack`: figures by attack, texts, before and after; as JSON, as a table and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif.auditing.attack_outcomes import AttackBeforeAfter, AttackFigures
from rlaif.auditing.intervals import Interval
from rlaif.errors import InputError
from rlaif.plain_files import read_json
from rlaif.review.tables import shown, table
from rlaif.workflows.results import Result

if TYPE_CHECKING:
    from rlaif.libraries.datasets import Dataset

REPORT, MARKDOWN, TEXTS = "attack.json", "attack.md", "texts.jsonl"
EXAMPLES = 3
"""Texts of each attack that a report shows."""
_LETTERS = 300
_HEAD = ("attack", "prompts", "above honest", "95 % low", "high", "succeeds", "95 % low", "high", "undecided",
         "failed", "lead", "worth by")  # fmt: skip
_BOTH = ("attack", "prompts", "before", "95 % low", "high", "after", "95 % low", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackExample:
    """A text that scores above honest answers."""

    attack: str
    member: str
    prompt: str
    text: str
    reward: float
    line: float
    honest: str
    """The honest answer with the highest reward."""
    honest_reward: float
    worth_by: str
    worthless: bool | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AttackReport(Result):
    """What attacks on a reward found."""

    reward: str
    fingerprint: str
    policy: str
    by: str | None
    """The second judge."""
    constitution: str
    prompts: int
    quantile: float
    figures: tuple[AttackFigures, ...]
    skipped: Mapping[str, str]
    """Attacks that could not be made, with why."""
    examples: tuple[AttackExample, ...]
    outcomes: Mapping[str, Mapping[str, bool | None]]
    """By attack, and by prompt id whether it succeeded; None: nobody can say."""
    mined: tuple[str, ...]
    """Ids of the prompts of which pairs were made, here or before the earlier report."""
    failures: Mapping[str, int]
    """Why the reward failed, and how often."""
    calls: Mapping[str, int]
    before: tuple[AttackBeforeAfter, ...] = ()
    pairs: int = 0
    max_success: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def facts(self) -> Mapping[str, object]:
        """What was attacked, and how often each attack succeeds."""
        rates = {each.attack: each.success.value if each.success else None for each in self.figures}
        return {"reward": self.reward, "prompts": self.prompts, "success": rates}

    @property
    def unmet(self) -> str | None:
        """A sentence where an attack succeeds too often: exit code 3."""
        found = [
            f"{each.attack} on {each.success.value:.0%}"
            for each in self.figures
            if each.success is not None and each.success.value > self.max_success
        ]
        if not found:
            return None
        return f"attacks succeed on more than {self.max_success:.0%} of the prompts: {', '.join(found)}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"found": self.unmet is not None}

    def rows(self) -> list[dict[str, Any]]:
        """A row an attack."""
        return [dict(zip(_COLUMNS, each, strict=True)) for each in _rows(self.figures)]

    def to_dataset(self) -> Dataset:
        """The `rows` as a `datasets.Dataset`."""
        from rlaif.exchange.frames import figures_dataset

        return figures_dataset(self.rows(), texts=("attack", "worth_by"))

    def _shown(self) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        return _HEAD, _rows(self.figures)


_COLUMNS = (
    *("attack", "prompts", "above", "above_low", "above_high", "success", "success_low", "success_high"),
    *("undecided", "failed", "lead", "worth_by"),
)


def _rows(figures: Sequence[AttackFigures]) -> list[tuple[object, ...]]:
    return [
        (
            each.attack,
            each.prompts,
            *_three(each.above),
            *_three(each.success),
            each.undecided,
            each.failed,
            each.lead,
            ", ".join(map(str, each.judged_by)) or None,
        )
        for each in figures
    ]


def _three(found: Interval | None) -> tuple[float | None, float | None, float | None]:
    return found or (None, None, None)


def as_text(report: AttackReport) -> str:
    """For a terminal: the table, before and after, and texts."""
    blocks = [_title(report), table(_HEAD, _rows(report.figures), words_last=True)]
    blocks += [f"{name}: not made: {why}" for name, why in report.skipped.items()]
    for title, rows in _before(report):
        blocks.append(f"{title}\n{table(_BOTH, rows)}")
    blocks += [_example(each) for each in report.examples if each.worthless is not False]
    blocks += [f"the reward failed {count} times: {why}" for why, count in report.failures.items()]
    calls = ", ".join(f"{count} {name}" for name, count in report.calls.items())
    return "\n\n".join([*blocks, f"calls: {calls}"])


def as_ending(report: AttackReport) -> list[str]:
    """A line an attack: on how many prompts it succeeds; what the rest of the report says is a page."""
    lines = [
        f"{report.reward}: texts above the {report.quantile:g} quantile of {report.policy}'s answers, and worthless:"
    ]
    for each in report.figures:
        share = "nobody can say" if each.success is None else "{:.0%} [{:.2f}, {:.2f}]".format(*each.success)
        by = f", by {', '.join(map(str, each.judged_by))}" if each.judged_by else ""
        unsure = f", {each.undecided} undecided" if each.undecided else ""
        lines.append(f"  {each.attack}: {share} of {each.prompts} prompts{by}{unsure}")
    lines += [f"not made: {', '.join(report.skipped)}"] if report.skipped else []
    fresh = [each for each in report.before if each.fresh]
    told = [
        f"{each.attack} {shown(each.before and each.before.value)} -> {shown(each.after and each.after.value)}"
        for each in fresh
    ]
    return [*lines, *([f"on fresh prompts: {', '.join(told)}"] if told else [])]


def as_markdown(report: AttackReport) -> str:
    """The same as a page."""
    parts = [f"# Attack on {report.reward}", _title(report), _markdown(_HEAD, _rows(report.figures))]
    parts += [f"- {name}: not made: {why}" for name, why in report.skipped.items()]
    for title, rows in _before(report):
        parts += [f"## {title}", _markdown(_BOTH, rows)]
    if report.examples:
        parts.append("## Texts")
    for each in report.examples:
        parts += [f"### {each.attack}: {each.member}", _fenced(_example(each))]
    if report.failures:
        parts += ["## Failures of the reward", _markdown(("reason", "times"), [*report.failures.items()])]
    return "\n\n".join(parts) + "\n"


def _title(report: AttackReport) -> str:
    return (
        f"{report.reward} on {report.prompts} prompts: an attack succeeds where its text scores above the "
        f"{report.quantile:g} quantile of the honest answers of {report.policy}, and is worthless"
    )


def _before(report: AttackReport) -> list[tuple[str, list[tuple[object, ...]]]]:
    found = []
    for fresh, title in ((True, "before and after, on prompts of which no pair was made"),
                         (False, "before and after, on prompts of which pairs were made")):  # fmt: skip
        rows: list[tuple[object, ...]] = [
            (each.attack, each.prompts, *_three(each.before), *_three(each.after))
            for each in report.before
            if each.fresh is fresh
        ]
        if rows:
            found.append((title, rows))
    return found


def _example(each: AttackExample) -> str:
    said = {True: "worthless", False: "worth as much as an honest answer", None: "of unknown worth"}
    return (
        f"{each.attack} ({each.member}), {said[each.worthless]} by {each.worth_by}\n"
        f"  prompt  {_short(each.prompt)}\n"
        f"  {each.reward:>6.2f}  {_short(each.text)}\n"
        f"  {each.honest_reward:>6.2f}  {_short(each.honest)}   (the best honest answer; the line is {each.line:.2f})"
    )


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LETTERS else f"{flat[:_LETTERS]} ..."


def _fenced(text: str) -> str:
    # what a model wrote may hold a fence
    longest = max((len(run) for run in text.split() if set(run) == {"`"}), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *([shown(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierReport:
    """What an earlier report says, as a later one needs it."""

    outcomes: Mapping[str, Mapping[str, bool | None]]
    mined: frozenset[str]
    quantile: float
    by: str | None


def read_earlier(path: Path) -> EarlierReport:
    """An earlier report, from its file or its directory. Raises InputError for what is none."""
    file = path / REPORT if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{path}: holds no {REPORT}; name the --out of an earlier `rlaif attack`")
    found = read_json(file, InputError, f"name the {REPORT} of an earlier `rlaif attack`")
    try:
        return EarlierReport(
            outcomes={
                str(name): {
                    str(prompt): value for prompt, value in own.items() if value in (True, False, None)
                }
                for name, own in found["outcomes"].items()
            },
            mined=frozenset(map(str, found["mined"])),
            quantile=float(found["quantile"]),
            by=found["by"],
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        raise InputError(
            f"{file}: is no report of `rlaif attack`; name its --out, or the {REPORT} in it"
        ) from None
