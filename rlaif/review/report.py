"""`report.html` of a run: one self-contained file of figures, charts, some pairs and all digests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.auditing.audit import Audit
from rlaif.exchange.rows import read_rows
from rlaif.review import charts
from rlaif.review.principles import HEAD, applied, by_round
from rlaif.review.rounds import tables

SHOWN_PAIRS = 12
TEMPLATE = Path(__file__).with_name("report.html.j2")
MAIN_LINES = ("gold_mean", "gold_greedy", "judge_mean")


def write_report(
    run: Path, facts: Mapping[str, Any], target: Path | None = None, audited: Audit | None = None
) -> Path:
    """Write the report of the run directory `run`, whose `run.json` reads as `facts`; says where it is."""
    target = target or run / "report.html"
    write_text(target, render_report(run, facts, audited))
    return target


def render_report(run: Path, facts: Mapping[str, Any], audited: Audit | None = None) -> str:
    """The page as text. Everything that a model, a file or a user wrote is escaped."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    rows = _read(run / "rounds.json") or []
    files = sorted(run.glob("round-*/pairs.jsonl"), key=lambda path: int(path.parent.name.partition("-")[2]))
    files += [path for path in [run / "pairs.jsonl"] if path.is_file()]
    pairs = [row.value for path in files for row in read_rows(path)]
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    # Markup only around what `charts` made: it escapes its own labels
    return page.render(
        title=f"rlaif {facts.get('command', 'run')}: {run.name}",
        subtitle=_subtitle(facts, pairs),
        audited=None if audited is None else _audited(audited),
        rounds=_rounds(rows, Markup),
        funnels=[(name, Markup(chart)) for name, chart in _funnels(run, facts)],
        principles=_principles(rows, pairs, Markup),
        applied=_applied(rows, facts),
        warnings=(facts.get("summary") or {}).get("warnings") or [],
        pairs=_spread(pairs, SHOWN_PAIRS),
        pair_count=len(pairs),
        facts=list(_flat(facts)),
    )


def _subtitle(facts: Mapping[str, Any], pairs: Sequence[Any]) -> str:
    parts = [f"{len(pairs)} pairs", *(f"{key} {facts[key]}" for key in ("status", "rlaif") if key in facts)]
    return ", ".join(parts)


def _audited(audit: Audit) -> dict[str, Any]:
    figures = [
        [name, *(f"{value:.3f}" for value in each[:3]), int(each.prompts)]
        for name, each in audit.figures.items()
        if name.partition(":")[0] in ("unreadable", "refused") or ":" not in name
    ]
    return {"findings": audit.findings, "figures": figures}


def _rounds(rows: Sequence[Mapping[str, Any]], markup: Any) -> dict[str, Any] | None:
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
        charts.lines("KL from the start (nats a completion)", series("kl")),
        charts.lines("length (words)", series("length_mean")),
    ]
    shown = [{"title": title, "head": head, "rows": body} for title, head, body in tables(rows)]
    return {"tables": shown, "charts": [markup(each) for each in drawn if each]}


def _funnels(run: Path, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, Mapping[str, int]]] = []
    own = (facts.get("summary") or {}).get("funnel")
    if own:
        found.append(("", own))
    for path in sorted(
        run.glob("round-*/funnel.json"), key=lambda each: int(each.parent.name.partition("-")[2])
    ):
        found.append((path.parent.name.replace("-", " "), _read(path) or {}))
    return [(name, _funnel_chart(counts)) for name, counts in found]


def _funnel_chart(counts: Mapping[str, int]) -> str:
    top = max(counts.values(), default=0)
    return charts.bars(
        {name: [count] for name, count in counts.items()}, names=["count"], top=float(top or 1)
    )


def _principles(
    rows: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]], markup: Any
) -> dict[str, Any] | None:
    if rows and rows[0].get("gold_by_principle"):
        first, last = rows[0]["gold_by_principle"], rows[-1]["gold_by_principle"]
        both = {name: [first[name], last.get(name)] for name in first}
        chart = charts.bars(both, names=["round 0", f"round {rows[-1]['round']}"])
        note = "Share of held-out completions that follow each principle, by gold."
        return {"title": "Principles", "note": note, "chart": markup(chart)}
    votes: dict[str, list[float]] = {}
    for pair in pairs:
        for each in pair["principles"]:
            if each.get("p") is not None:
                votes.setdefault(each["id"], []).append(each["p"])
    if not votes:
        return None
    means = {name: [sum(values) / len(values)] for name, values in sorted(votes.items())}
    note = "Mean probability, over pairs, that the chosen side follows the principle better, by the judge."
    return {"title": "Principles", "note": note, "chart": markup(charts.bars(means, names=["mean p"]))}


def _applied(rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> dict[str, Any] | None:
    summary = facts.get("summary") or {}
    head, body = by_round(rows)
    if not body:
        head, body = list(HEAD), applied(summary.get("principles") or {}, summary.get("tests") or {})
    return {"head": head, "rows": body} if body else None


def _spread(pairs: Sequence[Any], count: int) -> list[Any]:
    step = max(1, len(pairs) // count)
    return list(pairs[::step][:count])


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        return [
            row for key, item in value.items() for row in _flat(item, f"{name}.{key}" if name else str(key))
        ]
    if isinstance(value, list) and len(value) > 8:
        return [(name, f"{len(value)} entries")]
    return [(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))]


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
