"""One judge asked in every way: what each protocol gets right by gold, how consistent it is, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any, NamedTuple

from rlaif.auditing.calibration import Forecast, calibration_error, fit_temperature
from rlaif.auditing.intervals import mean
from rlaif.constitution import load_principles
from rlaif.errors import InputError
from rlaif.exchange.completions import by_prompt
from rlaif.exchange.prompts import read_prompts
from rlaif.judging import (
    GoldJudge,
    Judge,
    decide,
    from_checklist,
    hard_ruling,
    log_odds,
)
from rlaif.judging.ask_protocol import ask_pairwise, ask_pointwise
from rlaif.judging.pointwise import judge_hard_principles
from rlaif.judging.protocols import (
    Asking,
    Pairwise,
    Pointwise,
    protocols,
    refusal,
    unguided,
)
from rlaif.judging.rules import AS_A_WHOLE, asked, principle_of, side
from rlaif.judging.scales import at_temperature
from rlaif.records import Completion, Constitution, Judgment, Prompt, Sampling, State
from rlaif.workflows.generate.judge_step import Drawn
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.judge_eval.metrics import WARM
from rlaif.workflows.models.defaults import CONSTITUTION, HELD_OUT_PROMPTS, POLICY
from rlaif.workflows.models.gold import RowGold, require_gold
from rlaif.workflows.models.pool import ModelPool

PROMPTS = 30
N = 4
"""Completions a prompt: as many as a list to rank has places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolRow:
    """What one protocol came to; None where there is nothing to measure, and `note` says why."""

    protocol: str
    says: str
    comparisons: int = 0
    """Two completions and a principle that exactly one of them follows; or
    two of which gold says the better one, where the protocol names no principle."""
    read: float | None = None
    """Share of `comparisons` that could be read in both orders."""
    accuracy: float | None = None
    """Share of those read whose better side is the right one; one half is wrong."""
    consistency: float | None = None
    """Share of those read in which both orders name the same side; None for a pointwise protocol."""
    labels: int = 0
    """Pairs of completions with a `label_prob` and a gold label."""
    label_accuracy: float | None = None
    calibration_error: float | None = None
    """Of `label_prob`, at the constitution's own temperature."""
    temperature: float | None = None
    """The T at which `label_prob` fits gold best."""
    calls: int = 0
    tokens: int = 0
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the row as `--json` prints it."""
        return asdict(self)


class _Pair(NamedTuple):
    """Two completions of a prompt."""

    prompt: Prompt
    one: Completion
    other: Completion


class _Material(NamedTuple):
    """What all protocols are measured on: pairs, and by pair and principle P(the first is better) in truth."""

    constitution: Constitution
    drawn: Drawn
    pairs: Sequence[_Pair]
    truth: Mapping[tuple[frozenset[str], str], bool]
    """By the two ids and the principle: whether the completion of the smaller id is the better one."""
    labels: Mapping[frozenset[str], bool]


def compare_protocols(
    models: ModelPool,
    judge: str,
    *,
    prompts: Sequence[Prompt] | None = None,
    constitution: Constitution | None = None,
    policy: str = POLICY,
    limit: int = PROMPTS,
    seed: int = 0,
) -> list[ProtocolRow]:
    """A row for each protocol, asked of `judge` on `N` completions that `policy` writes to each of `limit` prompts.

    Prompts (the bundled held-out ones) must name a gold. Calls go through the store of `models`, which must be open.
    """
    chosen = list(prompts or read_prompts(HELD_OUT_PROMPTS))[:limit]
    require_gold(chosen, "comparing protocols")
    rules = constitution or load_principles(CONSTITUTION)
    drawn = draw(models.acting(None), [policy], chosen, N, Sampling(), seed).drawn
    material = _material(rules, [each for each in drawn if each[1].finish != "length"])
    opened = models.judge(judge)
    return [_row(models, opened, each, material, seed) for each in protocols().values()]


def _material(constitution: Constitution, drawn: Drawn) -> _Material:
    unique = list({each.id: (prompt, each) for prompt, each in drawn}.values())
    pairs = [_Pair(prompt, *two) for prompt, texts in by_prompt(unique) for two in combinations(texts, 2)]
    gold = GoldJudge(RowGold())
    truth, labels = {}, {}
    for pair in pairs:
        ids = _ids(pair)
        said = gold.compare([pair], constitution.principles)
        for each in said:
            if each.state is State.PREFERENCE and each.completion_ids[0] == min(ids):
                truth[ids, principle_of(each)] = bool(each.value)
        pointwise_said = judge_hard_principles(
            gold, constitution, [(pair.prompt, each) for each in (pair.one, pair.other)]
        )
        label = decide(constitution, pair.prompt, said, first=min(ids), checklist=pointwise_said).label_prob
        if label is not None:
            labels[ids] = label > 0.5
    return _Material(constitution, unique, pairs, truth, labels)


def _row(
    models: ModelPool, judge: Judge, chosen: Pointwise | Pairwise, material: _Material, seed: int
) -> ProtocolRow:
    judge = (chosen.stand_in and chosen.stand_in(judge, seed)) or judge
    if chosen.judges and not isinstance(judge, chosen.judges):
        return ProtocolRow(
            protocol=chosen.name, says=chosen.says, note=f"not asked: {refusal(chosen.name, chosen.judges)}"
        )
    part = _about(chosen, material)
    before = _spent(models)
    try:
        note = _speechless(judge, chosen, part, seed)
        judgments = [] if note else _judged(judge, chosen, part, Asking(seed=seed))
    except InputError as wrong:  # a question whose words the model does not know
        return ProtocolRow(protocol=chosen.name, says=chosen.says, note=f"not asked: {wrong}")
    # by the checklist whatever the protocol, and no part of its cost
    after = _spent(models)
    row = _measured(
        chosen, part, judgments, [] if note else judge_hard_principles(judge, part.constitution, part.drawn)
    )
    note = "; ".join(each for each in (note, unguided(judge, chosen.name)) if each)
    return replace(row, calls=after[0] - before[0], tokens=after[1] - before[1], note=note)


def _about(chosen: Pointwise | Pairwise, material: _Material) -> _Material:
    """The part of the material that a protocol is about; one pair a prompt for those that compare two."""
    tag, principle = chosen.measured_on or ("", "")
    pairs = [each for each in material.pairs if not tag or tag in each.prompt.tags]
    if isinstance(chosen, Pairwise):
        pairs = list({each.prompt.id: each for each in reversed(pairs)}.values())[::-1]
    kept = {_ids(each) for each in pairs}
    drawn = [each for each in material.drawn if not tag or tag in each[0].tags]
    truth = {key: value for key, value in material.truth.items() if key[0] in kept}
    labels = {ids: value for ids, value in material.labels.items() if ids in kept}
    if principle:
        labels = {ids: value for (ids, name), value in truth.items() if name == principle}
    return material._replace(pairs=pairs, drawn=drawn, truth=truth, labels=labels)


def _speechless(judge: Judge, chosen: Pointwise | Pairwise, part: _Material, seed: int) -> str:
    """Why a judge that writes nothing readable to the first prompt is not asked about the others."""
    if not chosen.writes or not part.pairs:
        return ""
    first = part.pairs[0].prompt.id
    few = part._replace(
        pairs=[each for each in part.pairs if each.prompt.id == first],
        drawn=[each for each in part.drawn if each[0].id == first],
    )
    said = _judged(judge, chosen, few, Asking(seed=seed, again=0))
    if not said or any(each.state in (State.PREFERENCE, State.SCORE, State.TIE) for each in said):
        return ""
    return f"stopped after one prompt: none of {len(said)} judgments could be read ({said[0].detail or said[0].state})"


def _judged(judge: Judge, chosen: Pointwise | Pairwise, part: _Material, how: Asking) -> list[Judgment]:
    """Comparisons in both orders, asked for, or made of pointwise judgments."""
    rules = part.constitution.principles
    if isinstance(chosen, Pairwise):
        return ask_pairwise(chosen, judge, part.pairs, rules, how)
    said = ask_pointwise(chosen, judge, part.drawn, rules, how)
    by_prompt_id: dict[str, list[Judgment]] = {}
    for each in said:
        by_prompt_id.setdefault(each.prompt_id, []).append(each)
    return [
        judgment
        for prompt, one, other in part.pairs
        for judgment in from_checklist(by_prompt_id.get(prompt.id, []), one, other)
    ]


def _measured(
    chosen: Pointwise | Pairwise, part: _Material, judgments: Sequence[Judgment], hard: Sequence[Judgment]
) -> ProtocolRow:
    said: dict[tuple[frozenset[str], str], dict[bool, float | None]] = {}
    for each in judgments:
        ids = frozenset(each.completion_ids)
        shown_first = each.completion_ids[0] == min(ids)
        value = 0.5 if each.state is State.TIE else each.value
        p = value if value is None or shown_first else 1 - value
        said.setdefault((ids, principle_of(each)), {})[shown_first] = p
    # a judgment that names no principle is held against the gold of the whole
    truth = {**part.truth, **{(ids, AS_A_WHOLE.id): value for ids, value in part.labels.items()}}
    known = [(found, truth[key]) for key, found in said.items() if key in truth]
    read = [(one, other, right) for found, right in known for one, other in _both(found)]
    means = [((one + other) / 2, right) for one, other, right in read]
    forecasts = list(_labels(part, judgments, hard, part.constitution.decide.temperature))
    warm = list(_labels(part, judgments, (), WARM))
    return ProtocolRow(
        protocol=chosen.name,
        says=chosen.says,
        comparisons=len(known),
        read=len(read) / len(known) if known else None,
        accuracy=mean(float(p != 0.5 and (p > 0.5) == right) for p, right in means),
        consistency=None
        if isinstance(chosen, Pointwise)
        # of two ties there is no order to agree
        else mean(float(side(one) == side(other)) for one, other, _ in read if side(one) or side(other)),
        labels=len(forecasts),
        label_accuracy=mean(float((each.p > 0.5) == (each.truth > 0.5)) for each in forecasts),
        calibration_error=calibration_error(forecasts),
        temperature=fit_temperature(warm, at=WARM),
    )


def _both(found: Mapping[bool, float | None]) -> list[tuple[float, float]]:
    """The two orders where both could be read."""
    one, other = found.get(True), found.get(False)
    return [] if one is None or other is None else [(one, other)]


def _labels(
    part: _Material, judgments: Sequence[Judgment], hard: Sequence[Judgment], temperature: float
) -> Iterable[Forecast]:
    """`label_prob` beside gold, of every pair that has both; of two orders that disagree the mean is kept.

    Pointwise judgments of hard principles decide first.
    """
    by_pair: dict[frozenset[str], list[Judgment]] = {}
    for each in judgments:
        by_pair.setdefault(frozenset(each.completion_ids), []).append(each)
    for pair in part.pairs:
        ids = _ids(pair)
        if ids in part.labels and ids in by_pair:
            pointwise_said = [each for each in hard if each.completion_ids[0] in ids]
            decision = decide(
                part.constitution, pair.prompt, by_pair[ids], first=min(ids), checklist=pointwise_said
            )
            odds = log_odds(part.constitution, decision)
            if hard_ruling(asked(part.constitution, pair.prompt, by_pair[ids]), pointwise_said, *sorted(ids)):
                if decision.label_prob is not None:
                    yield Forecast(decision.label_prob, float(part.labels[ids]))
            elif odds is not None:
                yield Forecast(at_temperature(odds, temperature), float(part.labels[ids]))


def _ids(pair: _Pair) -> frozenset[str]:
    return frozenset((pair.one.id, pair.other.id))


def _spent(models: ModelPool) -> tuple[int, int]:
    """Calls and tokens so far, re-used ones included: what it would cost to ask anew."""
    engines = models.recorded
    calls = sum(each.new_calls + each.reused_calls for each in engines)
    tokens = sum(
        each.usage.prompt_tokens + each.usage.completion_tokens + each.reused_tokens for each in engines
    )
    return calls, tokens
