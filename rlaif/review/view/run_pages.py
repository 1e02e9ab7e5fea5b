"""What the pages of one run show. Each function makes the values of one template; None: there is no such page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif.errors import RlaifError
from rlaif.exchange.measured import MeasuredAnswer
from rlaif.records import Completion, Judgment
from rlaif.review import charts
from rlaif.review.audit_tables import sections
from rlaif.review.check_report import check_shown
from rlaif.review.distributions import distributions, reliability
from rlaif.review.evaluation import evaluation_tables
from rlaif.review.gathered import gather
from rlaif.review.index import PairIndex
from rlaif.review.named import by_fingerprint
from rlaif.review.named import said as model_said
from rlaif.review.recorded_check import read_check
from rlaif.review.round_charts import round_charts
from rlaif.review.rounds import FURTHER, heads_in_words, tables
from rlaif.review.training_charts import training_curves, trainings
from rlaif.review.view import overview as shown
from rlaif.review.view.calls import before_and_after, call_shown
from rlaif.review.view.catalogue import RunCard
from rlaif.review.view.compared import first_policy, newest_policy
from rlaif.review.view.comparisons import comparisons, letter
from rlaif.review.view.facts import parts_of
from rlaif.review.view.held_out import by_principle
from rlaif.review.view.live import standing
from rlaif.review.view.project_pages import book_shown
from rlaif.review.view.samples import SampleFilter, shares
from rlaif.review.view.viewer import Viewer, address, query
from rlaif.runs.layout import CONSTITUTION, files_in, rounds

if TYPE_CHECKING:
    from starlette.requests import Request

PAGE_SIZE = 50
SAMPLES = 3
MOST_SHARED = 20_000_000
"""Bytes of judgments up to which a first page reads them for shares by principle."""
_EVEN = 0.5


def overview(viewer: Viewer, card: RunCard, request: Request) -> dict[str, Any]:
    """Headline, figures, curves, principles, samples before and after, doubts."""
    summary = card.facts.get("summary") or {}
    changes = [
        *shown.principle_charts(card.rounds, summary),
        ("the judge, on the texts of the first and last round", _judged_changes(card)),
    ]
    before, after = first_policy(card), newest_policy(card)
    telling = shown.samples_that_tell(card)
    told = read_check(card.path)
    return {
        "check": None if told is None else check_shown(told),
        "rules_at": _rules_at(viewer, card),
        "live": standing(card) if card.status == "running" else None,
        "tiles": shown.tiles(card),
        "models": [(role, model_said(name), name) for role, name in card.models.items()],
        "rounds": [
            {"title": title, "head": heads_in_words(head), "rows": rows}
            for title, head, rows in _tables(card)
        ],
        "evaluated": evaluation_tables(summary),
        "charts": round_charts(card.path, card.rounds) or _first_curves(card),
        "changes": [(title, chart) for title, chart in changes if chart],
        "samples": telling or before_and_after(viewer.store(card.path), before, after, SAMPLES),
        "chosen_by_ids": not telling,
        "ends": ("before", "after")
        if card.rounds
        else (model_said(card.models.get("against", "before")), "policy"),
        "doubts_of": shown.doubts(card),
        "funnels": [(name, shown.funnel_chart(counts)) for name, counts in shown.funnels(card.path, summary)],
        "applied": shown.applied_rows(summary),
        "steps": shown.steps(card.path),
        "base": f"{address(card)}/-",
    }


def _rules_at(viewer: Viewer, card: RunCard) -> str:
    """Where the constitution of a run or a training is shown; empty where this project has none of its digest."""
    if viewer.books.of(card.path / CONSTITUTION) is not None and not card.is_training:
        return f"{address(card)}/-/constitution"
    known = viewer.books.all(viewer.catalogue.cards()) if card.digest else {}
    return f"/constitution/{card.digest}" if card.digest in known else ""


def _tables(card: RunCard) -> list[tuple[str, list[str], list[list[str]]]]:
    return tables(card.rounds, (card.facts.get("summary") or {}).get(FURTHER, ())) if card.rounds else []


def _first_curves(card: RunCard) -> Sequence[str]:
    folder = next(iter(trainings(card.path)), None)
    found = None if folder is None else training_curves(folder, card.name)
    return () if found is None else found.first


def _judged_changes(card: RunCard) -> str:
    """Mean P(yes) by principle, of the completions of the first round and of the last: by the judge of each."""
    inside = [(number, files_in(folder, "judgments")) for number, folder in rounds(card.path)]
    judged = [(number, paths) for number, paths in inside if paths]
    if len(judged) < 2 or sum(each.stat().st_size for _, paths in judged for each in paths) > MOST_SHARED:
        return ""
    (one, first), (other, last) = judged[0], judged[-1]
    before, after = shares(first), shares(last)
    rows = [
        charts.PrincipleChange(name, before.get(name, (None, 0))[0], after.get(name, (None, 0))[0])
        for name in dict.fromkeys([*before, *after])
    ]
    rows.sort(key=lambda each: -((each.after or 0) - (each.before or 0)))
    return charts.changes(rows, names=(f"round {one}", f"round {other}"))


def samples(viewer: Viewer, card: RunCard, request: Request) -> dict[str, Any] | None:
    """The prompts that pass a filter, fifty of them."""
    index, chosen = viewer.samples_of(card), _chosen(request.query_params)
    if not index.files:
        return None
    places = index.select(chosen)
    page = max(1, _number(request.query_params.get("page"), 1))
    entries = index.listed()
    names = by_fingerprint(card.facts, card.rounds)
    rules = viewer.books.of(card.path / CONSTITUTION)
    kept = {
        name: getattr(chosen, name)
        for name in ("text", "round", "principle", "state", "doubtful", "tag", "source")
    }
    kept["doubtful"] = "1" if chosen.doubtful else ""
    return {
        "rows": [
            (
                place,
                entries[place],
                ", ".join(names.get(each, model_said(each)) for each in entries[place].policies),
            )
            for place in places[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        ],
        "count": len(places),
        "completions": index.completions,
        "chosen": chosen,
        "query": query(**kept),
        "page": page,
        "pages": max(1, -(-len(places) // PAGE_SIZE)),
        "earlier": query(**kept, page=page - 1),
        "later": query(**kept, page=page + 1),
        "rounds": sorted({each.round for each in entries}),
        "tags": sorted({tag for each in entries for tag in each.tags})[:60],
        "principles": [each.id for each in rules.principles] if rules is not None else [],
        "sources": sorted({each.source for each in entries}),
        "judged": index.judged,
        "ready": index.ready,
        "trouble": index.trouble,
        "base": f"{address(card)}/-",
    }


def sample(viewer: Viewer, card: RunCard, request: Request) -> dict[str, Any] | None:
    """One prompt: its completions, best first by the judge, with every judgment of them."""
    index, place = viewer.samples_of(card), int(request.path_params["place"])
    entries = index.listed(None)
    if not 0 <= place < len(entries):
        return None
    chosen = _chosen(request.query_params)
    prompt, completions = index.sample(place)
    said = index.judgments(place)
    names = by_fingerprint(card.facts, card.rounds)
    places = index.select(chosen)
    at = places.index(place) if place in places else -1
    kept = {name: getattr(chosen, name) for name in ("text", "round", "principle", "state", "tag", "source")}
    return {
        "prompt": prompt,
        "entry": entries[place],
        "place": place,
        "answers": _answers(completions, said, index.readings(place), names),
        "comparisons": comparisons(completions, said),
        "rules": {each.id: each for each in rules.principles}
        if (rules := viewer.books.of(card.path / CONSTITUTION))
        else {},
        "query": query(**kept, doubtful="1" if chosen.doubtful else ""),
        "number": at + 1 if at >= 0 else None,
        "count": len(places),
        "before": places[at - 1] if at > 0 else None,
        "after": places[at + 1] if 0 <= at < len(places) - 1 else None,
        "base": f"{address(card)}/-",
    }


def _answers(
    completions: Sequence[Completion],
    said: Sequence[Judgment],
    readings: Sequence[MeasuredAnswer | None],
    names: Mapping[str, str],
) -> list[dict[str, Any]]:
    found = []
    for number, (each, read) in enumerate(zip(completions, readings, strict=True)):
        own = [one for one in said if one.completion_ids == (each.id,)]
        values = [one.value for one in own if one.value is not None]
        if not values and read is not None:
            values = list(by_principle(read).values())
        found.append(
            {
                "completion": each,
                "letter": letter(number),
                "policy": names.get(each.policy, model_said(each.policy)),
                "tokens": len(each.token_ids) if each.token_ids is not None else None,
                "scores": own,
                "mean": sum(values) / len(values) if values else None,
                "broken": sum(value < _EVEN for value in values if 0 <= value <= 1),
                "read": _readings(read),
                "beats": []
                if read is None
                else [(model_said(name), one) for name, one in read.beats.items()],
            }
        )
    return sorted(found, key=lambda each: -1.0 if each["mean"] is None else each["mean"], reverse=True)


def _readings(read: MeasuredAnswer | None) -> dict[str, Any] | None:
    """A table of what was read of an answer: by principle a column for each who read it; None of nothing."""
    by = {} if read is None else {"gold": read.gold, "judge": read.judge, "first judge": read.first_judge}
    by = {name: values for name, values in by.items() if values}
    rules = dict.fromkeys(rule for values in by.values() for rule in values)
    rows = [(rule, [values.get(rule) for values in by.values()]) for rule in rules]
    return {"by": list(by), "rows": rows} if rows else None


def call(viewer: Viewer, card: RunCard, request: Request) -> dict[str, Any]:
    """A call of a model as the store keeps it."""
    key = str(request.path_params["key"])
    store = viewer.store(card.path)
    found = call_shown(store, key)
    names = by_fingerprint(card.facts, card.rounds)
    return {
        "key": key,
        "call": found,
        "store": store,
        "model": "" if found is None else names.get(found.fingerprint, model_said(found.fingerprint)),
    }


def training(viewer: Viewer, card: RunCard, request: Request) -> dict[str, Any] | None:
    """The curves of each training of a run."""
    folders = trainings(card.path)
    if not folders:
        return None
    found = [(each.name, training_curves(each, each.name)) for each in folders]
    return {
        "trainings": [each for _, each in found if each is not None],
        "empty": [name for name, each in found if each is None],
        "live": standing(card) if card.status == "running" else None,
    }


def audit(viewer: Viewer, card: RunCard, request: Request) -> dict[str, Any]:
    """What an audit found, with its pictures; while it is worked out, a page that asks again."""
    state = viewer.audit_of(card)
    found: dict[str, Any] = {
        "waiting": state.found is None and state.trouble is None,
        "trouble": state.trouble,
    }
    found |= {"audited": None, "sections": [], "charts": [], "suggestions": ()}
    if state.found is None:
        return found
    audited = state.found.audit
    try:
        index = PairIndex(card.path)
        drawn = distributions(gather(index.pair(each) for each in range(len(index))))
    except RlaifError:
        drawn = []
    curve = reliability(audited.reliability)
    return found | {
        "audited": audited,
        "sections": sections(audited),
        "charts": [*([curve] if curve else []), *drawn],
        "suggestions": state.found.suggestions,
    }


def rules_of_run(viewer: Viewer, card: RunCard, request: Request) -> dict[str, Any] | None:
    """The constitution that a run was judged by, with how its judge applied each principle."""
    held = viewer.books.of(card.path / CONSTITUTION)
    if held is None:
        return None
    books = viewer.books.all(viewer.catalogue.cards())
    return book_shown(books[held.digest], card) if held.digest in books else None


def configuration(viewer: Viewer, card: RunCard, request: Request) -> dict[str, Any]:
    """Everything that made a run: its configuration, versions, digests and files."""
    return {"parts": parts_of(card.facts), "files": _files(card.path)}


def _files(run: Path) -> list[tuple[str, int]]:
    found = [each for each in run.iterdir() if each.is_file()]
    found += [each for _, folder in rounds(run) for each in folder.iterdir() if each.is_file()]
    return sorted((each.relative_to(run).as_posix(), each.stat().st_size) for each in found)


def _chosen(values: Mapping[str, str]) -> SampleFilter:
    return SampleFilter(
        text=values.get("text", "")[:500],
        round=_number(values.get("round"), 0) if values.get("round") else None,
        principle=values.get("principle", "")[:200],
        state=values.get("state", "")[:40],
        doubtful=values.get("doubtful") == "1",
        tag=values.get("tag", "")[:200],
        source=values.get("source", "")[:20],
    )


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else default
