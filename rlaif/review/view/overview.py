"""What a run's first page shows: figures in tiles, curves, principles before and after, the funnel, steps, doubts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.review import charts
from rlaif.review.numbers import calls, figure, money, percent, span, tokens
from rlaif.review.round_charts import principle_changes
from rlaif.review.sample import BeforeAfter, helped_samples
from rlaif.review.training_charts import in_words
from rlaif.review.trust import FEW_PROMPTS, measured_prompts
from rlaif.review.verdict import INITIAL, by_whom
from rlaif.review.view.catalogue import RunCard
from rlaif.review.view.live import came_to
from rlaif.runs.layout import FUNNEL, files_of, pair_files, round_number, step_notes
from rlaif.runs.record_files import FUNNEL_SCHEMA, NOTE_SCHEMA, read_record, read_record_if_there


class Tile(NamedTuple):
    """One figure with its name, and a line below it."""

    name: str
    value: str
    note: str = ""


class StepRow(NamedTuple):
    """A finished step of a recipe."""

    round: int
    step: str
    seconds: float
    facts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What is doubtful about a run, and what to do."""

    says: str
    remedy: str = ""


def tiles(card: RunCard) -> list[Tile]:
    """The figures of a run that people look at first; those that it has."""
    found = [
        *_of_rounds(card),
        *_of_pairs(card.facts.get("summary") or {}),
        *_of_evaluation(card),
        *_of_all(card),
    ]
    return [each for each in found if each.value not in ("", "–")]


def _of_rounds(card: RunCard) -> Iterator[Tile]:
    if not card.rounds:
        return
    first, last = card.rounds[0], card.rounds[-1]
    if last.get("gold_mean") is not None:
        yield Tile("Gold, held-out", figure(last["gold_mean"]), f"from {figure(first.get('gold_mean'))}")
    won = (last.get("against") or {}).get("initial") or {}
    if won.get("win_rate") is not None:
        yield Tile("Win rate", figure(won["win_rate"]), f"against the first policy, {between(won)}")
    if last.get("judge_mean") is not None:
        yield Tile("Judge, held-out", figure(last["judge_mean"]), f"from {figure(first.get('judge_mean'))}")
    if last.get("judge_accuracy_on_policy") is not None:
        yield Tile(
            "Judge's accuracy", figure(last["judge_accuracy_on_policy"]), "by gold, on the policy's texts"
        )
    if last.get("kl") is not None:
        yield Tile("KL from start", figure(last["kl"]), "nats per completion")
    if last.get("length_mean") is not None:
        yield Tile("Words", figure(last["length_mean"]), f"from {figure(first.get('length_mean'))}")
    pairs = sum(int(row.get("pairs") or 0) for row in card.rounds)
    if pairs:
        yield Tile("Pairs", figure(pairs), f"in {last['round']} round{'' if last['round'] == 1 else 's'}")


def _of_pairs(summary: Mapping[str, Any]) -> Iterator[Tile]:
    if "pairs" in summary:
        yield Tile("Pairs", figure(int(summary["pairs"])))
        yield Tile("Acceptance", percent(summary.get("pair_share")), "prompts that gave a pair")
        funnel = summary.get("funnel") or {}
        yield Tile(
            "Completions", figure(funnel.get("completions")), f"to {figure(funnel.get('prompts'))} prompts"
        )
        yield Tile("Unreadable", percent(summary.get("unreadable_share")), "of the judgments")


def _of_evaluation(card: RunCard) -> Iterator[Tile]:
    summary = card.facts.get("summary") or {}
    for row in summary.get("win_rates") or ():
        yield Tile(f"Win rate against {_end(row['against'])}", figure(row.get("win_rate")), between(row))
    policy = str(summary.get("policy"))
    for name, row in (summary.get("gold") or {}).items():
        of = "" if name == policy else f" of {_end(name)}"
        yield Tile(f"Gold{of}", figure(row.get("mean")), between(row))
    if not card.is_training and summary.get("prompts") and "funnel" not in summary:
        yield Tile("Prompts", figure(summary["prompts"]))


def _of_all(card: RunCard) -> Iterator[Tile]:
    if card.costs:
        yield Tile("Cost", money(card.costs), f"{figure(tokens(card.costs))} tokens")
        yield Tile("Calls", figure(calls(card.costs)))
    if card.took is not None:
        yield Tile("Took", span(card.took))
    if card.is_training:
        counts = (card.facts.get("counts") or {}).get("pairs") or {}
        yield Tile("Pairs", figure(counts.get("trained")), f"of {figure(counts.get('given'))}")
        yield Tile("Steps", figure(card.facts.get("steps")))
        for key, value in list((card.facts.get("figures") or {}).items())[:5]:
            yield Tile(in_words(key).capitalize(), figure(value), "at the end")


def between(row: Mapping[str, Any]) -> str:
    """The interval of a figure: [0.398, 0.692]."""
    return f"[{figure(row.get('low'))}, {figure(row.get('high'))}]"


def _end(name: Any) -> str:
    from rlaif.review.numbers import short

    return short(str(name))


def principle_charts(rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Principles before and after: by gold and by the judge, of the rounds, or against each other model."""
    helped = summary.get("helped") or {}
    found = [chart for each in helped.values() for chart in _helped_charts(each)]
    if not any((each.get("by") or {}) for each in helped.values()):
        found += [
            (
                "by gold, on held-out prompts",
                charts.changes(principle_changes(rows), names=("before", "after")),
            ),
            *(
                (f"by gold, against {name}", charts.changes(changed, names=(name, "policy")))
                for name, changed in evaluation_changes(summary)
            ),
        ]
    return [(title, chart) for title, chart in found if chart]


def _helped_charts(helped: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    other = str(helped.get("against"))
    ends = ("before", "after") if other == INITIAL else (_end(other), "policy")
    where = "on held-out prompts" if other == INITIAL else f"against {_end(other)}"
    for name, each in (helped.get("by") or {}).items():
        rows = [
            charts.PrincipleChange(rule, row["before"], row["after"])
            for rule, row in each["by_principle"].items()
        ]
        by = "gold" if name == "gold" else by_whom(helped)
        yield f"by {by}, {where}", charts.changes(rows, names=ends)
    if (preferred := helped.get("preferred")) and "judge" not in (helped.get("by") or {}):
        won = {rule: [row["value"]] for rule, row in preferred.items()}
        yield f"by {by_whom(helped)}: comparisons won {where}", charts.bars(won, names=["won"], top=1.0)


def samples_that_tell(card: RunCard) -> list[BeforeAfter]:
    """Prompts where it helped most, least, and hurt, of a run that measured that; of several comparisons the first."""
    helped = (card.facts.get("summary") or {}).get("helped") or {}
    return next((helped_samples(card.path, each) for each in helped.values()), [])


def evaluation_changes(summary: Mapping[str, Any]) -> list[tuple[str, list[charts.PrincipleChange]]]:
    """Of an evaluation with gold: for each other policy, gold by principle of it and of the policy."""
    golds = summary.get("gold") or {}
    policy = str(summary.get("policy"))
    own = (golds.get(policy) or {}).get("by_principle") or {}
    found = []
    for name, each in golds.items():
        if name != policy and own:
            other = each.get("by_principle") or {}
            rows = [charts.PrincipleChange(rule, other.get(rule), value) for rule, value in own.items()]
            found.append((_end(name), sorted(rows, key=lambda row: -((row.after or 0) - (row.before or 0)))))
    return found


def funnels(run: Path, summary: Mapping[str, Any]) -> list[tuple[str, dict[str, int]]]:
    """How prompts became pairs: of the run, and of each of its rounds."""
    found: list[tuple[str, dict[str, int]]] = []
    if summary.get("funnel"):
        found.append(("", dict(summary["funnel"])))
    for path in files_of(run, "funnel"):
        name = path.name.removesuffix(FUNNEL).rstrip(".")
        place = path.parent.name.replace("-", " ") if round_number(path.parent) is not None else ""
        found.append((f"{place} {name}".strip(), read_record(path, FUNNEL_SCHEMA)))
    return found


def funnel_chart(counts: Mapping[str, int]) -> str:
    """A bar for each step from prompts to pairs."""
    top = max(counts.values(), default=0)
    named = {name.replace("_", " "): [count] for name, count in counts.items()}
    return charts.bars(named, names=["count"], top=float(top or 1))


def steps(run: Path) -> list[StepRow]:
    """The finished steps of a recipe, in the order of their rounds."""
    found = []
    for path in step_notes(run):
        note = read_record_if_there(path, NOTE_SCHEMA) or {}
        number = round_number(path.parent)
        if number is not None:
            told = [
                f"{figure(value)} {key.replace('_', ' ')}" for key, value in _plain(note.get("facts") or {})
            ]
            when = path.stat().st_mtime
            found.append(
                (number, when, StepRow(number, path.stem, float(note.get("seconds") or 0), ", ".join(told)))
            )
    return [row for _, _, row in sorted(found, key=lambda each: each[:2])]


def _plain(facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(key, value) for key, value in facts.items() if type(value) in (int, float)][:4]


def doubts(card: RunCard, typed: str = "") -> list[Doubt]:
    """What a reader should know before believing the figures.

    Args:
        card: The run.
        typed: How one names the run in a command, where that is not its name.
    """
    found = [Doubt(says=each, remedy=_remedy(each, card, typed or card.name)) for each in card.warnings]
    prompts = measured_prompts(card.facts.get("summary") or {})
    if prompts is not None and prompts < FEW_PROMPTS:
        found.append(
            Doubt(
                says=f"Only {prompts} prompts were measured: nothing but a large difference can show, and of a "
                "principle that applies to a few of them next to nothing.",
                remedy="Measure on more prompts.",
            )
        )
    if card.status == "interrupted":
        found.insert(
            0,
            Doubt(
                says=f"It has not come to its end: {came_to(card)}.",
                remedy="The same command goes on where it stopped.",
            ),
        )
    if stopped := (card.facts.get("summary") or {}).get("stopped"):
        found.insert(0, Doubt(says=str(stopped), remedy="The rounds before it are as they were."))
    if card.trouble:
        found.insert(0, Doubt(says=card.trouble))
    return found


REMEDIES: Sequence[tuple[str, str]] = (
    (
        "cannot apply it",
        "Reword the principle, or name a stronger judge; `rlaif constitution test` tries it.",
    ),
    ("unreadable", "See the raw answers under Samples, filter `unreadable`; another protocol may be read."),
    ("drift", "Freeze the judge (`models.judge`), or replay judge examples in the training."),
    ("length", "Audit the run: the judge may decide by length."),
    ("cut off", "Give more room: --max-tokens."),
)
"""What to do about a warning, by words in it."""


def _remedy(says: str, card: RunCard, typed: str) -> str:
    known = next((remedy for words, remedy in REMEDIES if words in says), "")
    return known or (f"More: `rlaif audit {typed}`." if pair_files(card.path) else "")


def applied_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How the judge applied each principle, from the summary of `generate` or `judge`."""
    figures, tests = summary.get("principles") or {}, summary.get("tests") or {}
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys([*figures, *tests]):
        own, each = tests.get(name) or {}, figures.get(name) or {}
        rows.append(
            {
                "name": name,
                "compared": each.get("compared"),
                "consistency": each.get("order_consistency"),
                "unread": each.get("unread"),
                "passed": own.get("passed"),
                "tests": own.get("tests"),
            }
        )
    return rows
