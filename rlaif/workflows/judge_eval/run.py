"""`judge check`: what a judge is worth before money is spent on it, by gold. Table of contents of the audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlaif.auditing.attacks import flips
from rlaif.auditing.comparisons import Judged, retested
from rlaif.auditing.flags import Flag, grades_the_prompt, judge_refuses
from rlaif.auditing.intervals import mean
from rlaif.auditing.labels import Labelled
from rlaif.constitution import load_constitution
from rlaif.errors import EngineError, InputError
from rlaif.exchange.benchmarks import GoldSet, read_gold
from rlaif.judging.protocols import PER_PAIR, Pairwise, protocol, unguided
from rlaif.records import Constitution, State
from rlaif.review.plots import refuse_ending
from rlaif.store import Store, find_store
from rlaif.workflows.generate.judge_step import in_writing
from rlaif.workflows.judge_eval.ask_gold import (
    JudgeUnderTest,
    first_alone,
    judge_choices,
    judge_labels,
    judge_pairs,
    principles_of,
    rules_for,
    temperature_of,
    tests_as_gold,
)
from rlaif.workflows.judge_eval.config import CheckConfig
from rlaif.workflows.judge_eval.metrics import (
    GoldSetFigures,
    choice_figures,
    label_figures,
    pair_figures,
    picks_right,
)
from rlaif.workflows.judge_eval.probes import attack, fresh, prompt_flag, rules_by_pair
from rlaif.workflows.judge_eval.record_alone import record_alone, refuse_own_labels
from rlaif.workflows.judge_eval.recorded import kept, write_files
from rlaif.workflows.judge_eval.recorded_verdicts import recorded_gold, replayed_labels, replayed_pairs
from rlaif.workflows.judge_eval.result import JudgeCheckResult, with_unmet
from rlaif.workflows.models.defaults import CONSTITUTION, HINT, JUDGE
from rlaif.workflows.models.failures import commonest
from rlaif.workflows.models.made_by import rules_of_model
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.progress import Ready, Report, at_once, silent

READ = frozenset({State.PREFERENCE, State.TIE, State.SCORE, State.ABSTAIN})


def check(config: CheckConfig, progress: Report = silent, ready: Ready = at_once) -> JudgeCheckResult:
    """Put gold to a judge, or read what it is recorded to have said, and measure. Opens no model for a record.

    Raises InputError for a record that holds no gold where none is named; `record_alone` says what such a one holds.
    """
    name = judge_name(config)
    if (alone := record_alone(config)) is not None:
        raise InputError(alone.refusal)
    recorded = recorded_gold(name)
    if recorded is not None:
        with kept(config, name, recorded, None, None) as keep:
            keep(found := with_unmet(_replayed(config, name, recorded), config))
        write_files(config, found)
        return found
    gold, constitution = gold_of(config)
    refuse_unused(config, gold)
    with (
        _opened(config, name, progress) as models,
        kept(config, name, gold, constitution, models.fingerprint(name)) as keep,
    ):
        ready()
        keep(found := with_unmet(asked(config, models, name, gold, constitution), config))
    write_files(config, found)
    return found


def first_question(config: CheckConfig) -> str:
    """The exact text that the judge gets first, for `--show-prompt`."""
    from rlaif.workflows.generate.show_prompt import questions

    name = judge_name(config)
    if recorded_gold(name) is not None:
        raise InputError(f"{name}: a record is asked nothing; there is no text to show")
    gold, constitution = gold_of(replace(config, limit=1))
    refuse_unused(config, gold)
    with _opened(config, name, silent) as models:
        question = JudgeUnderTest(judge=models.judge(name), protocol=config.protocol, seed=config.seed)
        if gold.pairs:
            pair = gold.pairs[0]
            rules = principles_of(gold, constitution, pair.category)
            names = [config.protocol or PER_PAIR]
            return questions(question.judge, rules, pair.prompt, pair.completions, names)
        prompt, answers, rules = first_alone(gold, constitution)
        return questions(question.judge, rules, prompt, answers, [question.pointwise_protocol.name])


def compare_all(config: CheckConfig, progress: Report = silent, ready: Ready = at_once) -> Sequence[Any]:
    """The judge asked in every way (`--all`): a row for each protocol, on completions of the bundled policy."""
    name = judge_name(config)
    if recorded_gold(name) is not None:
        raise InputError(f"{name}: a record cannot be asked in other ways; name a judge that answers")
    with _opened(config, name, progress) as models:
        ready()
        return all_protocols(config, models, name)


def all_protocols(config: CheckConfig, models: ModelPool, name: str) -> Sequence[Any]:
    """A row for each protocol."""
    from rlaif.workflows.judge_eval.compare_protocols import PROMPTS, compare_protocols

    constitution = load_constitution(config.constitution) if config.constitution else None
    return compare_protocols(
        models, name, constitution=constitution, limit=config.limit or PROMPTS, seed=config.seed
    )


def judge_name(config: CheckConfig) -> str:
    """The judge that is named, or the bundled one. Raises InputError where gold is named alone."""
    if config.judge is None and config.source is not None:
        raise InputError(f"--judge is missing; {HINT}")
    return JUDGE if config.judge is None else config.judge


def refuse_unused(config: CheckConfig, gold: GoldSet) -> None:
    """No option is accepted and ignored."""
    kind = "labels" if gold.labels else "choices" if gold.choices else "pairs"
    if kind != "pairs" and config.attacks:
        raise InputError(
            f"--attacks: attacks turn a verdict between two answers, and {gold.name} holds {kind}"
        )
    if kind == "labels" and config.constitution:
        raise InputError(f"--constitution: {gold.name} brings its own statements, one a label; leave it out")
    if kind != "pairs" and config.protocol and isinstance(protocol(config.protocol), Pairwise):
        raise InputError(
            f"--protocol {config.protocol}: compares two answers, and {gold.name} holds {kind}; "
            "name a pointwise one (checklist, score, reward), or none"
        )
    if config.plot is not None:
        refuse_ending(config.plot)
    if config.source is None and config.format:
        raise InputError("--format: says how GOLD is read, and no GOLD is named")


def gold_of(config: CheckConfig) -> tuple[GoldSet, Constitution]:
    """What is asked about, and by which rules."""
    if config.source is None:
        made_by = config.constitution or (rules_of_model(config.judge) if config.judge else None)
        constitution = load_constitution(made_by or CONSTITUTION)
        gold = tests_as_gold(constitution)
        return (
            gold if config.limit is None else replace(gold, pairs=gold.pairs[: config.limit])
        ), constitution
    gold = read_gold(config.source, name=config.format, limit=config.limit)
    return gold, rules_for(gold, config.constitution)


@contextmanager
def _opened(config: CheckConfig, name: str, progress: Report) -> Iterator[ModelPool]:
    models = ModelPool(config, progress, config.seed, in_writing(config.protocol or PER_PAIR))
    models = models.acting(config.judge_options)
    models.open(name)
    with Store.open(store_of(config)) as store:
        models.record(store, "")
        yield models


def store_of(config: CheckConfig) -> Path:
    """Where calls are kept."""
    return find_store(config.out or Path.cwd() / "check", config.store)


def _replayed(config: CheckConfig, name: str, recorded: GoldSet) -> JudgeCheckResult:
    asked = {"attacks": config.attacks, "protocol": config.protocol, "constitution": config.constitution}
    if unused := [option for option, value in asked.items() if value]:
        raise InputError(
            f"--{unused[0]}: {name} is a record, which is asked nothing; name a judge that answers"
        )
    gold = recorded
    if config.source is not None:
        gold = read_gold(config.source, name=config.format, limit=config.limit)
        refuse_own_labels(name, gold, recorded)
    if recorded.labels:
        return _label_check(name, gold, replayed_labels(recorded, name, limit=config.limit), config.seed)
    judged = replayed_pairs(gold, recorded, name)[: config.limit]
    return _pair_check(name, gold, judged, config.seed)


def asked(
    config: CheckConfig, models: ModelPool, name: str, gold: GoldSet, constitution: Constitution
) -> JudgeCheckResult:
    """The check itself, with models that are open. Raises InputError for gold that this judge labelled itself."""
    if models.fingerprint(name) in gold.labelled_by:
        raise InputError(
            f"{config.source}: its labels are those of {name}, and a judge cannot be measured on its own; "
            "name gold of others"
        )
    question = JudgeUnderTest(judge=models.judge(name), protocol=config.protocol, seed=config.seed)
    notes = [note for note in (unguided(question.judge, config.protocol or PER_PAIR), _of_one(gold)) if note]
    if gold.labels:
        found = _of_labels(config, question, name, gold)
    elif gold.choices:
        found = _of_choices(config, question, name, gold, constitution)
    else:
        found = _of_pairs(config, question, name, gold, constitution)
    notes += _failures(models, name)
    return replace(found, calls=models.calls, tokens=models.tokens, notes=notes)


def _of_one(gold: GoldSet) -> str | None:
    """A note where one annotator's word is the gold: it may be another judge's."""
    names = {each.annotator for each in gold.annotations}
    if len(names) != 1 or "" in names:
        return None
    return f"the gold is what {next(iter(names))} said: accuracy is agreement with that annotator"


def _failures(models: ModelPool, name: str) -> list[str]:
    """A note where calls failed. Raises EngineError where all of them did: then nothing was measured."""
    failed = models.calls["failed"]
    if not failed:
        return []
    why = next(commonest(each) for each in models.recorded if each.failed_calls)
    if failed == models.calls["new"] and not models.calls["reused"]:
        raise EngineError(f"{name}: all {failed} calls failed ({why}); nothing was measured")
    return [f"{failed} calls failed ({why}): they count as wrong; the same command makes them again"]


def _of_labels(config: CheckConfig, question: JudgeUnderTest, name: str, gold: GoldSet) -> JudgeCheckResult:
    said = judge_labels(question, gold)
    found = _label_check(name, gold, said, config.seed)
    again = fresh(question)
    if again is None or config.retest == 0:
        return found
    part = replace(gold, labels=gold.labels[: config.retest])
    before = {label.id: text for label, text in said}
    unread = {state.value for state in State}
    same = mean(
        float(before[label.id] == text)
        for label, text in judge_labels(again, part)
        if not {before[label.id], text} & unread
    )
    return replace(found, test_retest=same)


def _of_choices(
    config: CheckConfig, question: JudgeUnderTest, name: str, gold: GoldSet, rules: Constitution
) -> JudgeCheckResult:
    rated = judge_choices(question, gold.choices, rules)
    found = _empty(name, gold, choice_figures(rated, seed=config.seed))
    again = fresh(question)
    if again is None or config.retest == 0:
        return found
    anew = judge_choices(again, gold.choices[: config.retest], rules)
    same = mean(
        float(picks_right(a) == picks_right(b))
        for a, b in zip(rated, anew, strict=False)
        if None not in (*a.numbers, *b.numbers)
    )
    return replace(found, test_retest=same)


def _of_pairs(
    config: CheckConfig, question: JudgeUnderTest, name: str, gold: GoldSet, rules: Constitution
) -> JudgeCheckResult:
    judged = judge_pairs(question, gold, rules)
    _refuse_silence(question, judged)
    found = _pair_check(name, gold, judged, config.seed, temperature_of(gold, rules))
    flag = prompt_flag(question, gold, rules_by_pair(gold, rules), config.seed)
    found = replace(found, flags={**found.flags, "grades_the_prompt": flag})
    again = fresh(question)
    if again is not None and config.retest:
        part = replace(gold, pairs=gold.pairs[: config.retest])
        same = retested(judged[: config.retest], judge_pairs(again, part, rules))
        found = replace(found, test_retest=same)
    if not config.attacks:
        return found
    pairs = [each.pair for each in judged[: config.attacked]]
    rows = attack(question, gold, rules, pairs, config.attacks)
    return replace(found, flipped=flips(judged, rows), members=flips(judged, rows, members=True))


def _refuse_silence(question: JudgeUnderTest, judged: Sequence[Judged]) -> None:
    states = {verdict.state for each in judged for verdict in each.orders.judged}
    if states == {State.ABSTAIN}:
        raise InputError(
            f"{question.judge.name}: says nothing about any of {len(judged)} pairs by protocol "
            f"{question.protocol or 'compare'}; name a judge and a protocol that can"
        )


def _pair_check(
    name: str, gold: GoldSet, judged: Sequence[Judged], seed: int, temperature: float = 1.0
) -> JudgeCheckResult:
    said = [(each.pair.prompt.id, verdict.state.value) for each in judged for verdict in each.orders.judged]
    flag = _refusing(said, {state.value for state in READ})
    part = pair_figures(gold, judged, temperature=temperature, seed=seed)
    return replace(_empty(name, gold, part), flags={"judge_refuses": flag})


def _label_check(name: str, gold: GoldSet, said: Sequence[tuple[Any, str]], seed: int) -> JudgeCheckResult:
    known = {"true", "false"} if gold.one_statement else set(gold.statements)
    flags: dict[str, Flag] = {}
    models = dict.fromkeys(label.category for label, _ in said) if gold.by_model else {"": None}
    for model in models:
        rows = [(label, text) for label, text in said if not model or label.category == model]
        prefix = f"{model}: " if len(models) > 1 else ""
        flags[f"{prefix}judge_refuses"] = _refusing([(label.about, text) for label, text in rows], known)
        flags[f"{prefix}grades_the_prompt"] = grades_the_prompt(
            [
                Labelled(text, label.label, f"{label.category}|{label.group}", label.about)
                for label, text in rows
            ],
            seed=seed,
        )
    return replace(_empty(name, gold, label_figures(said, known, seed=seed)), flags=flags)


def _refusing(said: Sequence[tuple[str, str]], known: set[str]) -> Flag:
    """Of (prompt, what a judge said of it); a call that never reached it refuses nothing."""
    answered = [(prompt, each) for prompt, each in said if each != State.TRANSPORT]
    return judge_refuses([each for _, each in answered], known, [prompt for prompt, _ in answered])


def _empty(name: str, gold: GoldSet, part: GoldSetFigures) -> JudgeCheckResult:
    return JudgeCheckResult(
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
