"""What is asked of a judge beside the gold itself: the same again, answers of other prompts, attacked answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from rlaif.auditing.attacks import FAMILIES, Attacked, attacked
from rlaif.auditing.comparisons import Judged
from rlaif.auditing.flags import Flag, Swaps, grades_the_prompt
from rlaif.auditing.labels import Labelled
from rlaif.engines.recorded import RecordedEngine
from rlaif.errors import InputError
from rlaif.exchange.benchmarks import GoldPair, GoldSet
from rlaif.judging import Judge, ModelJudge, PanelJudge, RewardJudge, number_of
from rlaif.judging.dealt_judge import DealtJudge
from rlaif.judging.rbr import RuleJudge
from rlaif.records import Completion, Constitution
from rlaif.workflows.judge_eval.ask_gold import JudgeUnderTest, judge_pairs, principles_of

SWAPS = 50
"""Pairs on which answers are swapped across prompts."""


def fresh(question: JudgeUnderTest) -> JudgeUnderTest | None:
    """The same judge asked past the store and with other random numbers; None where its calls cannot be had anew."""
    judge = _past_the_store(question.judge)
    return None if judge is None else replace(question, judge=judge, seed=question.seed + 1)


def _past_the_store(judge: Judge) -> Judge | None:
    if isinstance(judge, ModelJudge | RewardJudge):
        engine = judge.engine
        return judge.with_engine(engine.engine) if isinstance(engine, RecordedEngine) else judge
    if isinstance(judge, DealtJudge):
        inner = _past_the_store(judge.inner)
        return None if inner is None else judge.of(inner)
    if isinstance(judge, PanelJudge):
        found = [(each, _past_the_store(each.judge)) for each in judge.members]
        members = [replace(member, judge=anew) for member, anew in found if anew is not None]
        return PanelJudge(judge.name, members, judge.quorum) if len(members) == len(found) else None
    return None if isinstance(judge, RuleJudge) else judge


def prompt_flag(
    question: JudgeUnderTest, gold: GoldSet, rules_of: Callable[[GoldPair], Constitution], seed: int
) -> Flag:
    """Yes or no on better and worse answers, and on the better answer of the next prompt."""
    pairs = gold.pairs[:SWAPS]
    said: dict[str, float] = {}
    asked: list[tuple[GoldPair, Completion, Completion, list[Completion]]] = []
    for place, pair in enumerate(pairs):
        right = 0 if pair.first_better > 0.5 else 1
        better, worse = pair.completions[right], pair.completions[1 - right]
        foreign = _foreign(pair, pairs[(place + 1) % len(pairs)])
        asked.append((pair, better, worse, foreign))
        said |= _shares(question, pair, [better, worse, *foreign], rules_of(pair).principles)
    # a reward has no zero: above the middle of all rewards is as good a yes as there is
    bar = 0.5 if question.pointwise_protocol.absolute else median(said.values()) if said else 0.5
    labels = {name: "yes" if share > bar else "no" for name, share in said.items()}
    rows = [
        Labelled(labels[one.id], truth, pair.id, pair.prompt.id)
        for pair, better, worse, _ in asked
        for one, truth in ((better, "yes"), (worse, "no"))
        if one.id in labels
    ]
    moves = [
        labels[one.id] != labels[better.id]
        for _, better, _, foreign in asked
        for one in foreign
        if one.id in labels and better.id in labels
    ]
    return grades_the_prompt(rows, Swaps(sum(moves), len(moves)), seed=seed)


def _foreign(pair: GoldPair, other: GoldPair) -> list[Completion]:
    """The better answer of another pair, whole, as if it had been given to the prompt of `pair`."""
    moved = replace(other.completions[0 if other.first_better > 0.5 else 1], prompt_id=pair.prompt.id)
    known = [each.id for each in pair.completions]
    return [] if other.prompt.id == pair.prompt.id or moved.id in known else [moved]


def _shares(
    question: JudgeUnderTest, pair: GoldPair, texts: Sequence[Completion], principles: Sequence[Any]
) -> dict[str, float]:
    """By completion id the mean over principles; what could not be read is not there."""
    shares: dict[str, list[float]] = {}
    for each in question.pointwise([(pair.prompt, one) for one in texts], principles):
        number = number_of(each)
        if number is not None:
            shares.setdefault(each.completion_ids[0], []).append(number)
    return {name: sum(held) / len(held) for name, held in shares.items()}


def attack(
    question: JudgeUnderTest,
    gold: GoldSet,
    rules: Constitution,
    pairs: Sequence[GoldPair],
    families: Sequence[str],
) -> list[tuple[Attacked, Judged]]:
    """What the judge says once the worse answers of `pairs` are attacked."""
    if unknown := [name for name in families if name not in FAMILIES]:
        raise InputError(f"{unknown[0]!r} is no family of attacks; known: {', '.join(FAMILIES)}")
    made = attacked(pairs, families)
    by_id = {each.pair.id: each for each in made}
    after = judge_pairs(question, replace(gold, pairs=tuple(each.pair for each in made)), rules)
    return [(by_id[each.pair.id], each) for each in after]


def rules_by_pair(gold: GoldSet, rules: Constitution) -> Callable[[GoldPair], Constitution]:
    """The rules that each pair of a set is judged by."""
    return lambda pair: principles_of(gold, rules, pair.category)
