"""`report.html` of a run: one self-contained file, the result first, then pictures, samples, doubts, then details."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.auditing.audit import Audit
from rlaif.auditing.calibration import Bin
from rlaif.auditing.differences import differences
from rlaif.constitution import load_constitution
from rlaif.errors import RlaifError
from rlaif.exchange.pairs import row_pair
from rlaif.exchange.rows import read_rows
from rlaif.records import Constitution, Pair
from rlaif.review import charts
from rlaif.review.answer_lengths import answer_lengths
from rlaif.review.audit_tables import sections
from rlaif.review.distributions import distributions, reliability
from rlaif.review.environment import PAGES, page_environment
from rlaif.review.evaluation import evaluation_tables
from rlaif.review.gathered import Gathered, gather
from rlaif.review.named import said
from rlaif.review.numbers import figure
from rlaif.review.panels import all_inline
from rlaif.review.principles import HEAD, applied, by_round
from rlaif.review.round_charts import round_charts
from rlaif.review.rounds import FURTHER, heads_in_words, tables
from rlaif.review.sample import BeforeAfter
from rlaif.review.tables import flat
from rlaif.review.training_charts import TrainingCurves, training_curves, trainings
from rlaif.review.trust import trust
from rlaif.review.view.catalogue import RunCard, card_of, read_card
from rlaif.review.view.facts import parts_of
from rlaif.review.view.overview import doubts, funnel_chart, funnels, principle_charts, tiles
from rlaif.runs.layout import CONSTITUTION, DIGESTED, REPORT, ROUNDS, pair_files
from rlaif.runs.record_files import ROUNDS_SCHEMA, read_record_if_there

TEMPLATE = "report.html.j2"
EVALUATE = "evaluate"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportExtras:
    """What a report shows that is not in the run's own files: of an audit, of gold, of the store."""

    audited: Audit | None = None
    bins: Sequence[Bin] = ()
    """Label probabilities against what is true, where that is known; an audit has its own."""
    suggestions: Sequence[Mapping[str, Any]] = ()
    samples: Sequence[BeforeAfter] = ()
    """Held-out prompts with the answers of the first policy and of the last one."""
    full: bool = False
    """Whether printing it gives everything; else at most four pages."""


NOTHING = ReportExtras()


def write_report(
    run: Path, facts: Mapping[str, Any], target: Path | None = None, beside: ReportExtras = NOTHING
) -> Path:
    """Write the report of the run directory `run`, whose `run.json` reads as `facts`; says where it is."""
    target = target or run / REPORT
    write_text(target, render_report(run, facts, beside))
    return target


def write_training_report(folder: Path, target: Path | None = None, *, full: bool = False) -> Path:
    """Write the report of a directory of `rlaif train`, finished or not; says where it is."""
    card = read_card(folder, folder.absolute().name)
    target = target or folder / REPORT
    write_text(target, _rendered(folder, card, (), ReportExtras(full=full)))
    return target


def render_report(run: Path, facts: Mapping[str, Any], beside: ReportExtras = NOTHING) -> str:
    """The page as text. Everything that a model, a file or a user wrote is escaped."""
    rows = read_record_if_there(run / ROUNDS, ROUNDS_SCHEMA) or []
    return _rendered(run, card_of(run, run.absolute().name, facts, rows), rows, beside)


def _rendered(run: Path, card: RunCard, rows: Sequence[Mapping[str, Any]], beside: ReportExtras) -> str:
    facts, pairs, audited = card.facts, gather(_pairs(run)), beside.audited
    rules = _rules(run)
    summary = facts.get("summary") or {}
    doubted = doubts(card, shlex.quote(str(run)))
    faults = None if audited is None else [each.fault for each in audited.findings]
    return (
        page_environment()
        .get_template(TEMPLATE)
        .render(
            style=(PAGES / "review.css").read_text(encoding="utf-8"),
            full=beside.full,
            title=f"rlaif {card.command or 'run'}: {card.name}",
            subtitle=_subtitle(card, pairs),
            card=card,
            trust=trust([each.says for each in doubted], faults, labelled=pairs.count > 0),
            models=[(role, said(name)) for role, name in card.models.items()],
            tiles=tiles(card),
            doubts_of=doubted,
            curves=round_charts(run, rows),
            changes=principle_charts(rows, summary),
            trainings=_trainings(run),
            samples=beside.samples,
            ends=("before", "after") if rows else (said(card.models.get("against", "before")), "policy"),
            costs=_costs(summary.get("costs")),
            rules=[] if rules is None else rules.principles,
            audited=audited,
            sections=[] if audited is None else sections(audited),
            evaluated=evaluation_tables(summary),
            suggestions=beside.suggestions,
            rounds=[
                {"title": title, "head": heads_in_words(head), "rows": body}
                for title, head, body in (tables(rows, summary.get(FURTHER, ())) if rows else ())
            ],
            funnels=[(name, funnel_chart(counts)) for name, counts in funnels(run, summary)],
            principles=_principles(pairs),
            applied=_applied(rows, facts),
            distributions=distributions(pairs) or _answer_lengths(run, facts),
            reliability=reliability(beside.bins if audited is None else audited.reliability),
            doubtful=[_side_by_side(each) for each in pairs.doubtful],
            others=[_side_by_side(each) for each in pairs.sampled],
            pair_count=pairs.count,
            status=card.status,
            hashes=list(_hashes(run, facts, pairs)),
            facts=parts_of(facts),
        )
    )


def _pairs(run: Path) -> Iterator[Pair]:
    for path in pair_files(run):
        for row in read_rows(path):
            yield row_pair(row.value, row.where)


def _subtitle(card: RunCard, pairs: Gathered) -> str:
    """How many pairs, where it has some, and how far it came, where it is not done."""
    count = [f"{pairs.count:,} pair{'' if pairs.count == 1 else 's'}"] if pairs.count else []
    status = [card.status] if card.status != "done" else []
    version = (card.facts.get("versions") or {}).get("rlaif")
    return ", ".join(["", *count, *status, *([f"rlaif {version}"] if version else [])])


def _side_by_side(pair: Pair) -> dict[str, Any]:
    """A pair with the words marked that only one side has."""
    left, right = differences(pair.chosen, pair.rejected)
    return {
        "id": pair.id,
        "prompt": pair.prompt,
        "tools": pair.tools,
        "label": pair.label_prob,
        "consistent": pair.order_consistent,
        "sides": (("chosen", left), ("rejected", right)),
        "critique": pair.critique,
        "principles": pair.principles,
    }


def _hashes(run: Path, facts: Mapping[str, Any], pairs: Gathered) -> Iterator[tuple[str, str]]:
    """Every digest that the run names, of its pairs and of its files."""
    for name, value in flat(facts):
        if isinstance(value, str) and value.startswith("b2:"):
            yield name, value
    yield "pairs (of their ids, in order of themselves)", pairs.digest
    for name in DIGESTED:
        if (run / name).is_file():
            with (run / name).open("rb") as stream:
                yield f"{name} (sha256)", hashlib.file_digest(stream, "sha256").hexdigest()


def _trainings(run: Path) -> list[TrainingCurves]:
    found = (training_curves(each, each.name) for each in trainings(run))
    return [each for each in found if each is not None]


def _answer_lengths(run: Path, facts: Mapping[str, Any]) -> list[str]:
    """Of an evaluation, which has no pairs: how long each model's answers are."""
    return all_inline(answer_lengths(run)) if facts.get("command") == EVALUATE else []


def _rules(run: Path) -> Constitution | None:
    """The constitution of a run, or of the run that a round lies in; None where it cannot be read any more."""
    path = next((each / CONSTITUTION for each in (run, run.parent) if (each / CONSTITUTION).is_file()), None)
    try:
        return None if path is None else load_constitution(path)
    except RlaifError:
        return None


def _costs(costs: Mapping[str, Any] | None) -> list[list[str]]:
    """What each model was asked and cost."""
    models = (costs or {}).get("models") or {}
    currency = str((costs or {}).get("currency", ""))
    return [
        [
            said(str(name)),
            figure(each["calls"]),
            figure(each["prompt_tokens"]),
            figure(each["completion_tokens"]),
            "unknown" if each["cost"] is None else f"{currency} {each['cost']:,.2f}",
        ]
        for name, each in models.items()
    ]


def _principles(pairs: Gathered) -> list[tuple[str, str, str]]:
    """Title, note and bars: how much better the chosen sides follow each principle, by the judge."""
    means = {name: [mean] for name, mean in pairs.means.items()}
    note = "Mean probability, over pairs, that the chosen side follows the principle better, by the judge."
    return (
        [("Principles, by the judge", note, charts.bars(means, names=["mean probability"]))] if means else []
    )


def _applied(rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> dict[str, Any] | None:
    summary = facts.get("summary") or {}
    head, body = by_round(rows)
    if not body:
        head, body = list(HEAD), applied(summary.get("principles") or {}, summary.get("tests") or {})
    return {"head": head, "rows": body} if body else None
