"""`judge check`: what a judge is worth before money is spent on it, by gold. Table of contents of the audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlaif.auditing.attacks import FAMILIES, attacked, flips
from rlaif.auditing.comparisons import Judged, retested
from rlaif.auditing.flags import Flag, Swaps, grades_the_prompt, judge_refuses
from rlaif.auditing.labels import Labelled
from rlaif.constitution import load_constitution
from rlaif.errors import InputError
from rlaif.exchange.benchmarks import GoldPair, GoldSet, read_gold
from rlaif.judging import Judge, ModelJudge, judge_of, share_of
from rlaif.records import Completion, Constitution, State
from rlaif.store import Store, find_store
from rlaif.workflows.checked import CheckConfig, Checked, with_unmet
from rlaif.workflows.choices import CONSTITUTION, JUDGE
from rlaif.workflows.gold_asking import (
    Question,
    judge_choices,
    judge_labels,
    judge_pairs,
    principles_of,
    rules_for,
    tests_as_gold,
)
from rlaif.workflows.judge_figures import Part, choice_figures, label_figures, pair_figures
from rlaif.workflows.judge_replay import recorded_gold, replayed_labels, replayed_pairs
from rlaif.workflows.models import Models
from rlaif.workflows.reports import Report, silent

SWAPS = 50
"""Pairs on which answers are swapped across prompts."""
READ = frozenset({State.PREFERENCE, State.TIE, State.SCORE, State.ABSTAIN})


def check(config: CheckConfig, progress: Report = silent) -> Checked:
    """Put gold to a judge, or read what it is recorded to have said, and measure. Opens no model for a record."""
    name = config.judge or JUDGE
    recorded = recorded_gold(name)
    if recorded is not None:
        return with_unmet(_replayed(config, name, recorded), config)
    gold, constitution = _gold(config)
    with _opened(config, name, progress) as models:
        found = _asked(config, models, name, gold, constitution)
    return with_unmet(found, config)


def first_question(config: CheckConfig) -> str:
    """The exact text that the judge gets first, for `--show-prompt`."""
    from rlaif.workflows.questions import questions

    gold, constitution = _gold(replace(config, limit=1))
    if not gold.pairs:
        raise InputError("--show-prompt: shows the question about a pair; this gold set has none")
    pair = gold.pairs[0]
    with _opened(config, config.judge or JUDGE, silent) as models:
        judge = models.judge(config.judge or JUDGE)
        return questions(
            judge, principles_of(gold, constitution, pair.category), pair.prompt, pair.completions
        )


def compare_all(config: CheckConfig, progress: Report = silent) -> Sequence[Any]:
    """The judge asked in every way (`--all`): a row for each protocol, on completions of the bundled policy."""
    from rlaif.workflows.protocols import PROMPTS, compare_protocols

    name = config.judge or JUDGE
    constitution = load_constitution(config.constitution) if config.constitution else None
    with _opened(config, name, progress) as models:
        return compare_protocols(
            models, name, constitution=constitution, limit=config.limit or PROMPTS, seed=config.seed
        )


def _gold(config: CheckConfig) -> tuple[GoldSet, Constitution]:
    if config.source is None:
        constitution = load_constitution(config.constitution or CONSTITUTION)
        gold = tests_as_gold(constitution)
        return (
            gold if config.limit is None else replace(gold, pairs=gold.pairs[: config.limit])
        ), constitution
    gold = read_gold(config.source, name=config.format, limit=config.limit)
    return gold, rules_for(gold, config.constitution)


@contextmanager
def _opened(config: CheckConfig, name: str, progress: Report) -> Iterator[Models]:
    models = Models(config, progress, config.seed)
    models.open(name)
    with Store.open(find_store(Path.cwd() / "check", config.store)) as store:
        models.record(store, "")
        yield models


def _replayed(config: CheckConfig, name: str, recorded: GoldSet) -> Checked:
    if config.attacks:
        raise InputError(f"{name}: a record cannot be asked about attacks; name a judge that answers")
    gold = recorded
    if config.source is not None:
        gold = read_gold(config.source, name=config.format, limit=config.limit)
    if recorded.labels:
        return _label_check(name, gold, replayed_labels(recorded, name, limit=config.limit), config.seed)
    judged = replayed_pairs(gold, recorded, name)[: config.limit]
    return _pair_check(name, gold, judged, config.seed)


def _asked(
    config: CheckConfig, models: Models, name: str, gold: GoldSet, constitution: Constitution
) -> Checked:
    question = Question(judge=models.judge(name), protocol=config.protocol, seed=config.seed)
    if gold.labels:
        found = _label_check(name, gold, judge_labels(question, gold), config.seed)
    elif gold.choices:
        rated = judge_choices(question, gold.choices, constitution)
        found = _empty(name, gold, choice_figures(rated))
    else:
        judged = judge_pairs(question, gold, constitution)
        found = _pair_check(name, gold, judged, config.seed)
        found = replace(
            found,
            test_retest=_again(config, question, gold, constitution, judged),
            flags={**found.flags, "grades_the_prompt": _prompt_flag(question, gold, constitution, config)},
        )
        found = _attack(config, question, gold, constitution, judged, found)
    return replace(found, calls=models.calls, tokens=models.tokens)


def _pair_check(name: str, gold: GoldSet, judged: Sequence[Judged], seed: int) -> Checked:
    said = [verdict.state.value for each in judged for verdict in each.orders.judged]
    flag = judge_refuses(said, {state.value for state in READ})
    return replace(_empty(name, gold, pair_figures(gold, judged, seed=seed)), flags={"judge_refuses": flag})


def _label_check(name: str, gold: GoldSet, said: Sequence[tuple[Any, str]], seed: int) -> Checked:
    known = {"true", "false"} if gold.name == "rbr" else set(gold.statements)
    flags: dict[str, Flag] = {}
    models = dict.fromkeys(label.category for label, _ in said) if gold.name == "xstest" else {"": None}
    for model in models:
        rows = [(label, text) for label, text in said if not model or label.category == model]
        prefix = f"{model}: " if len(models) > 1 else ""
        flags[f"{prefix}judge_refuses"] = judge_refuses([text for _, text in rows], known)
        flags[f"{prefix}grades_the_prompt"] = grades_the_prompt(
            [
                Labelled(text, label.label, f"{label.category}|{label.group}", label.id)
                for label, text in rows
            ],
            seed=seed,
        )
    return replace(_empty(name, gold, label_figures(said, known, seed=seed)), flags=flags)


def _empty(name: str, gold: GoldSet, part: Part) -> Checked:
    return Checked(
        judge=name,
        gold=gold.name,
        left_out=gold.left_out,
        part=part,
        test_retest=None,
        flags={},
        flipped={},
        members={},
        calls={},
        tokens={},
    )


def _again(
    config: CheckConfig, question: Question, gold: GoldSet, rules: Constitution, judged: Sequence[Judged]
) -> float | None:
    """The same questions past the store, with other random numbers; None where nothing is asked twice."""
    if config.retest == 0:
        return None
    part = replace(gold, pairs=gold.pairs[: config.retest])
    fresh = replace(question, judge=_past_the_store(question.judge), seed=config.seed + 1)
    return retested(judged[: config.retest], judge_pairs(fresh, part, rules))


def _past_the_store(judge: Judge) -> Judge:
    engine = judge.engine if isinstance(judge, ModelJudge) else None
    behind = getattr(engine, "engine", None)
    return judge if behind is None else judge_of(behind)


def _prompt_flag(question: Question, gold: GoldSet, rules: Constitution, config: CheckConfig) -> Flag:
    """Yes or no on better and worse answers, and on the better answer of the next prompt."""
    pairs = gold.pairs[:SWAPS]
    rows: list[Labelled] = []
    moved = count = 0
    for place, pair in enumerate(pairs):
        better = pair.completions[0 if pair.first_better > 0.5 else 1]
        worse = pair.completions[1 if pair.first_better > 0.5 else 0]
        foreign = _foreign(pair, pairs[(place + 1) % len(pairs)])
        principles = principles_of(gold, rules, pair.category).principles
        said = _yes_no(question, pair, [better, worse, *foreign], principles)
        rows += [
            Labelled(said[one.id], gold_label, pair.id, pair.prompt.id)
            for one, gold_label in ((better, "yes"), (worse, "no"))
            if one.id in said
        ]
        for one in foreign:
            if one.id in said and better.id in said:
                count += 1
                moved += said[one.id] != said[better.id]
    return grades_the_prompt(rows, Swaps(moved, count), seed=config.seed)


def _foreign(pair: GoldPair, other: GoldPair) -> list[Completion]:
    text = other.texts[0 if other.first_better > 0.5 else 1]
    if other.prompt.id == pair.prompt.id or text in pair.texts:
        return []
    return [Completion(prompt_id=pair.prompt.id, text=text, policy="given", finish="given")]


def _yes_no(
    question: Question, pair: GoldPair, texts: Sequence[Completion], principles: Sequence[Any]
) -> dict[str, str]:
    shares: dict[str, list[float]] = {}
    for each in question.alone([(pair.prompt, one) for one in texts], principles):
        share = share_of(each)
        if share is not None:
            shares.setdefault(each.completion_ids[0], []).append(share)
    return {name: "yes" if sum(held) > 0.5 * len(held) else "no" for name, held in shares.items()}


def _attack(
    config: CheckConfig,
    question: Question,
    gold: GoldSet,
    rules: Constitution,
    judged: Sequence[Judged],
    found: Checked,
) -> Checked:
    if not config.attacks:
        return found
    if unknown := [name for name in config.attacks if name not in FAMILIES]:
        raise InputError(f"{unknown[0]!r} is no family of attacks; known: {', '.join(FAMILIES)}")
    made = attacked([each.pair for each in judged[: config.attacked]], config.attacks)
    by_id = {each.pair.id: each for each in made}
    after = judge_pairs(question, replace(gold, pairs=tuple(each.pair for each in made)), rules)
    rows = [(by_id[each.pair.id], each) for each in after]
    return replace(found, flipped=flips(judged, rows), members=flips(judged, rows, members=True))
