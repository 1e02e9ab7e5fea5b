"""`report.html` of a run: one self-contained file of figures, charts, some pairs and all digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.auditing.audit import Audit
from rlaif.auditing.calibration import Bin
from rlaif.auditing.differences import differences
from rlaif.exchange.pairs import row_pair
from rlaif.exchange.rows import read_rows
from rlaif.records import Pair
from rlaif.review import charts
from rlaif.review.audit_tables import sections
from rlaif.review.distributions import distributions, reliability
from rlaif.review.environment import page_environment
from rlaif.review.evaluation import evaluation_tables
from rlaif.review.gathered import Gathered, gather
from rlaif.review.principles import HEAD, applied, by_round
from rlaif.review.rounds import FURTHER, tables
from rlaif.runs.layout import DIGESTED, FUNNEL, REPORT, ROUNDS, files_of, pair_files
from rlaif.runs.record_files import FUNNEL_SCHEMA, ROUNDS_SCHEMA, read_record, read_record_if_there

TEMPLATE = Path(__file__).with_name("report.html.j2")
MAIN_LINES = ("gold_mean", "gold_greedy", "judge_mean")


def write_report(
    run: Path,
    facts: Mapping[str, Any],
    target: Path | None = None,
    audited: Audit | None = None,
    bins: Sequence[Bin] = (),
    suggestions: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write the report of the run directory `run`, whose `run.json` reads as `facts`; says where it is.

    `bins` are label probabilities against what is true, where that is known; an audit has its own.
    """
    target = target or run / REPORT
    write_text(target, render_report(run, facts, audited, bins, suggestions))
    return target


def render_report(
    run: Path,
    facts: Mapping[str, Any],
    audited: Audit | None = None,
    bins: Sequence[Bin] = (),
    suggestions: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The page as text. Everything that a model, a file or a user wrote is escaped."""
    from markupsafe import Markup

    rows = read_record_if_there(run / ROUNDS, ROUNDS_SCHEMA) or []
    pairs = gather(_pairs(run))
    page = page_environment().from_string(TEMPLATE.read_text(encoding="utf-8"))
    # Markup only around what `charts` made: it escapes its own labels
    return page.render(
        title=f"rlaif {facts.get('command', 'run')}: {run.name}",
        subtitle=_subtitle(facts, pairs),
        audited=audited,
        sections=[] if audited is None else sections(audited),
        evaluated=evaluation_tables(facts.get("summary")),
        suggestions=suggestions,
        rounds=_rounds(rows, (facts.get("summary") or {}).get(FURTHER, ()), Markup),
        funnels=[(name, Markup(chart)) for name, chart in _funnels(run, facts)],
        principles=[(title, note, Markup(chart)) for title, note, chart in _principles(rows, pairs)],
        applied=_applied(rows, facts),
        distributions=[Markup(each) for each in distributions(pairs)],
        reliability=Markup(reliability(bins if audited is None else audited.reliability)),
        warnings=(facts.get("summary") or {}).get("warnings") or [],
        doubtful=[_side_by_side(each) for each in pairs.doubtful],
        others=[_side_by_side(each) for each in pairs.sampled],
        pair_count=pairs.count,
        status=facts.get("status", "done"),
        hashes=list(_hashes(run, facts, pairs)),
        facts=list(_flat(facts)),
    )


def _pairs(run: Path) -> Iterator[Pair]:
    for path in pair_files(run):
        for row in read_rows(path):
            yield row_pair(row.value, row.where)


def _subtitle(facts: Mapping[str, Any], pairs: Gathered) -> str:
    parts = [
        f"{pairs.count:,} pairs",
        *(f"{key} {facts[key]}" for key in ("status", "rlaif") if key in facts),
    ]
    return ", ".join(parts)


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
    for name, value in _flat(facts):
        if isinstance(value, str) and value.startswith("b2:"):
            yield name, value
    yield "pairs (of their ids, in order of themselves)", pairs.digest
    for name in DIGESTED:
        if (run / name).is_file():
            with (run / name).open("rb") as stream:
                yield f"{name} (sha256)", hashlib.file_digest(stream, "sha256").hexdigest()


def _rounds(rows: Sequence[Mapping[str, Any]], further: Sequence[str], markup: Any) -> dict[str, Any] | None:
    if not rows:
        return None

    def series(*names: str) -> dict[str, list[float | None]]:
        return {name: [row.get(name) for row in rows] for name in names}

    gap = [row.get("gap") or {} for row in rows]
    gaps = {name: [each.get(name) for each in gap] for name in ("mean", "judge_best", "oracle_best")}
    drawn = [
        charts.lines("gold and judge, held-out prompts", series(*MAIN_LINES)),
        charts.lines("judge on the policy's own texts", series("judge_accuracy_on_policy", "pair_precision")),
        charts.lines("gold of n draws, before the round", gaps),
        charts.lines("KL from the start (nats per completion)", series("kl")),
        charts.lines("length (words)", series("length_mean")),
    ]
    shown = [{"title": title, "head": head, "rows": body} for title, head, body in tables(rows, further)]
    return {"tables": shown, "charts": [markup(each) for each in drawn if each]}


def _funnels(run: Path, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, Mapping[str, int]]] = []
    own = (facts.get("summary") or {}).get("funnel")
    if own:
        found.append(("", own))
    for path in files_of(run, "funnel"):
        own = path.name.removesuffix(FUNNEL).rstrip(".")
        found.append(
            (f"{path.parent.name.replace('-', ' ')} {own}".rstrip(), read_record(path, FUNNEL_SCHEMA))
        )
    return [(name, _funnel_chart(counts)) for name, counts in found]


def _funnel_chart(counts: Mapping[str, int]) -> str:
    top = max(counts.values(), default=0)
    return charts.bars(
        {name: [count] for name, count in counts.items()}, names=["count"], top=float(top or 1)
    )


def _principles(rows: Sequence[Mapping[str, Any]], pairs: Gathered) -> list[tuple[str, str, str]]:
    """Title, note and bars: by gold where a loop has it, and by the judge's words on pairs."""
    found = []
    if rows and rows[0].get("gold_by_principle"):
        first, newest = rows[0]["gold_by_principle"], rows[-1]["gold_by_principle"]
        both = {name: [first[name], newest.get(name)] for name in first}
        chart = charts.bars(both, names=["round 0", f"round {rows[-1]['round']}"])
        note = "Share of held-out completions that follow each principle, by gold."
        found.append(("Principles, by gold", note, chart))
    if means := {name: [mean] for name, mean in pairs.means.items()}:
        note = (
            "Mean probability, over pairs, that the chosen side follows the principle better, by the judge."
        )
        found.append(("Principles, by the judge", note, charts.bars(means, names=["mean p"])))
    return found


def _applied(rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> dict[str, Any] | None:
    summary = facts.get("summary") or {}
    head, body = by_round(rows)
    if not body:
        head, body = list(HEAD), applied(summary.get("principles") or {}, summary.get("tests") or {})
    return {"head": head, "rows": body} if body else None


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        return [
            row for key, item in value.items() for row in _flat(item, f"{name}.{key}" if name else str(key))
        ]
    if isinstance(value, list) and len(value) > 8:
        return [(name, f"{len(value)} entries")]
    return [(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))]
