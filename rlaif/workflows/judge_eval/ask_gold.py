"""A judge is asked about gold: pairs in both orders, choices and labels one answer at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rlaif.auditing.comparisons import Judged
from rlaif.auditing.reading import orders_of
from rlaif.auditing.scoring import RatedChoice
from rlaif.constitution import load_constitution
from rlaif.errors import InputError
from rlaif.exchange.benchmarks import GoldChoice, GoldLabel, GoldPair, GoldSet
from rlaif.feedback.score import ScoredCompletion, score_completions
from rlaif.judging import Judge, decide, from_checklist, hard_ruling, log_odds, share_of
from rlaif.judging.ask_protocol import ask_pairwise, ask_pointwise
from rlaif.judging.pointwise import judge_pointwise
from rlaif.judging.protocol import One
from rlaif.judging.protocols import (
    PER_PAIR,
    PER_PRINCIPLE,
    Asking,
    Pairwise,
    Pointwise,
    asking,
    pointwise_of,
    protocol,
)
from rlaif.judging.rules import asked
from rlaif.records import Completion, Constitution, Judgment, Principle, Prompt, State

OWN_TESTS = "own tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeUnderTest:
    """How a judge is asked: by which protocol, with which random numbers."""

    judge: Judge
    protocol: str | None = None
    """None: `compare` for pairs; of single answers `checklist`, or `reward` where the judge gives rewards."""
    seed: int = 0

    def judgments(
        self, pairs: Sequence[GoldPair], principles: Sequence[Principle]
    ) -> list[tuple[GoldPair, list[Judgment]]]:
        """Each pair with its judgments in both orders."""
        chosen = protocol(self.protocol or PER_PAIR)
        how = asking(chosen, seed=self.seed, samples=None, again=None)
        found: dict[tuple[str, ...], list[Judgment]] = defaultdict(list)
        if isinstance(chosen, Pairwise):
            for each in ask_pairwise(
                chosen, self.judge, [(pair.prompt, *pair.completions) for pair in pairs], principles, how
            ):
                found[tuple(sorted(each.completion_ids))].append(each)
            return [(pair, found[tuple(sorted(one.id for one in pair.completions))]) for pair in pairs]
        said: dict[str, list[Judgment]] = defaultdict(list)
        for each in self.pointwise(
            [(pair.prompt, one) for pair in pairs for one in pair.completions], principles
        ):
            said[each.completion_ids[0]].append(each)
        return [
            (pair, from_checklist([*said[one.id], *said[other.id]], one, other))
            for pair in pairs
            for one, other in [pair.completions]
        ]

    def hard(self, pairs: Sequence[GoldPair], rules: Constitution) -> dict[str, list[Judgment]]:
        """By completion its pointwise judgments of hard principles."""
        only = replace(rules, principles=tuple(each for each in rules.principles if each.hard))
        if not only.principles:
            return {}
        items = [(pair.prompt, one) for pair in pairs for one in pair.completions]
        name = (
            self.pointwise_protocol.name
            if isinstance(protocol(self.protocol or PER_PAIR), Pointwise)
            else PER_PRINCIPLE
        )
        found: dict[str, list[Judgment]] = defaultdict(list)
        for each in judge_pointwise(self.judge, only, items, name, Asking(seed=self.seed)):
            if each.principle_id is not None:
                found[each.completion_ids[0]].append(each)
        return found

    @property
    def pointwise_protocol(self) -> Pointwise:
        """The protocol of single answers: the chosen one where it is pointwise."""
        chosen = protocol(self.protocol) if self.protocol else None
        if isinstance(chosen, Pointwise):
            return chosen
        return pointwise_of(self.judge)

    def pointwise(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """Pointwise judgments of each different answer."""
        unique = list({one.id: (prompt, one) for prompt, one in items}.values())
        how = asking(self.pointwise_protocol, seed=self.seed, samples=None, again=None)
        return ask_pointwise(self.pointwise_protocol, self.judge, unique, principles, how)


def rules_for(gold: GoldSet, constitution: str | None) -> Constitution:
    """The constitution that is named, or one principle: what this set asks."""
    if constitution is not None:
        return load_constitution(constitution)
    whole = Principle(id="whole", text=gold.question)
    return Constitution(name=gold.name, version="1.0.0", title="What the set asks", principles=(whole,))


def tests_as_gold(constitution: Constitution) -> GoldSet:
    """A constitution's own tests as pairs; the principle is the category."""
    pairs = [
        GoldPair(
            id=f"{each.id}:{number}",
            prompt=Prompt(messages=test.turns),
            # the better one is not always the first: which one is shown first must not be what it is
            texts=(test.better, test.worse) if number % 2 == 0 else (test.worse, test.better),
            first_better=float(number % 2 == 0),
            category=each.id,
        )
        for each in constitution.principles
        for number, test in enumerate(each.tests)
    ]
    if not pairs:
        raise InputError(f"{constitution.source}: no principle has tests; name a gold set or write some")
    return GoldSet(name=OWN_TESTS, scoring="pairs", pairs=tuple(pairs))


def principles_of(gold: GoldSet, constitution: Constitution, category: str) -> Constitution:
    """Return the constitution that judges a category's pairs: one principle only where they are its own tests."""
    if gold.name != OWN_TESTS:
        return constitution
    one = next(each for each in constitution.principles if each.id == category)
    # without tags it applies to its own tests, whose prompts have none
    return replace(
        constitution,
        principles=(replace(one, hard=False, applies_to=()),),
        # a temperature is fitted to the sum over all principles
        decide=replace(constitution.decide, temperature=1.0),
    )


def temperature_of(gold: GoldSet, constitution: Constitution) -> float:
    """The temperature at which pairs of this set get their labels."""
    return 1.0 if gold.name == OWN_TESTS else constitution.decide.temperature


def first_alone(
    gold: GoldSet, constitution: Constitution
) -> tuple[Prompt, Sequence[Completion], Constitution]:
    """The first answers that are judged pointwise, and by what."""
    if gold.choices:
        return gold.choices[0].prompt, gold.choices[0].completions, constitution
    label, prompt, given = _answered(gold)[0]
    name = label.category if gold.one_statement else next(iter(gold.statements))
    statement = Principle(id=name, text=gold.statements[name])
    return prompt, [given], replace(constitution, principles=(statement,))


def judge_pairs(question: JudgeUnderTest, gold: GoldSet, constitution: Constitution) -> list[Judged]:
    """Every pair with the verdict of each order, by the rule that makes pairs: hard principles decide first."""
    groups: dict[str, list[GoldPair]] = defaultdict(list)
    for pair in gold.pairs:
        groups[pair.category if gold.name == OWN_TESTS else ""].append(pair)
    found = []
    for category, pairs in groups.items():
        rules = principles_of(gold, constitution, category)
        by_completion = question.hard(pairs, rules)
        for pair, judgments in question.judgments(pairs, rules.principles):
            pointwise_said = [each for one in pair.completions for each in by_completion.get(one.id, [])]
            found.append(_judged(rules, pair, judgments, pointwise_said))
    return found


def _judged(
    rules: Constitution, pair: GoldPair, judgments: Sequence[Judgment], pointwise_said: Sequence[Judgment]
) -> Judged:
    first, second = (each.id for each in pair.completions)
    orders = orders_of(rules, pair, judgments, pointwise_said)
    decision = decide(rules, pair.prompt, judgments, first=first, checklist=pointwise_said)
    ruled = hard_ruling(asked(rules, pair.prompt, judgments), pointwise_said, first, second)
    # what a hard principle decides is no sum, and no temperature is fitted to it
    return Judged(pair=pair, orders=orders, log_odds=None if ruled else log_odds(rules, decision))


def judge_choices(
    question: JudgeUnderTest, choices: Sequence[GoldChoice], constitution: Constitution
) -> list[RatedChoice]:
    """Every choice with a number for each answer, as completions get their scores: over the same principles for all.

    An answer that breaks a hard principle is below all that break fewer.
    """
    items = [(each.prompt, one) for each in choices for one in each.completions]
    how = asking(question.pointwise_protocol, seed=question.seed, samples=None, again=None)
    said = judge_pointwise(question.judge, constitution, items, question.pointwise_protocol.name, how)
    by_prompt: dict[str, list[Judgment]] = defaultdict(list)
    for judgment in said:
        by_prompt[judgment.prompt_id].append(judgment)
    found = []
    for each in choices:
        own = {one.id for one in each.completions}
        judgments = [one for one in by_prompt[each.prompt.id] if one.completion_ids[0] in own]
        scored = score_completions(each.prompt, each.completions, judgments, constitution)
        found.append(RatedChoice(choice=each, numbers=_numbers(scored)))
    return found


def _numbers(scored: Sequence[ScoredCompletion]) -> tuple[float | None, ...]:
    known = [each.score for each in scored if each.score is not None]
    span = max(known) - min(known) + 1 if known else 0.0
    return tuple(None if each.score is None else each.score - span * len(each.violated) for each in scored)


def judge_labels(question: JudgeUnderTest, gold: GoldSet) -> list[tuple[GoldLabel, str]]:
    """Every answer with the label that the judge gives it; a state's name where it gives none."""
    statements = {name: Principle(id=name, text=text) for name, text in gold.statements.items()}
    one_statement = gold.one_statement
    groups: dict[str, list[tuple[GoldLabel, Prompt, Completion]]] = defaultdict(list)
    for each, prompt, given in _answered(gold):
        groups[each.category if one_statement else ""].append((each, prompt, given))
    found = []
    for category, rows in groups.items():
        principles = [statements[category]] if one_statement else list(statements.values())
        said: dict[str, list[Judgment]] = defaultdict(list)
        for judgment in question.pointwise([(prompt, one) for _, prompt, one in rows], principles):
            said[judgment.completion_ids[0]].append(judgment)
        found += [(label, _label(said[one.id], one_statement)) for label, _, one in rows]
    return found


def _answered(gold: GoldSet) -> list[tuple[GoldLabel, Prompt, Completion]]:
    """The labels that bring their answers. Raises InputError where none does."""
    found = [
        (
            each,
            each.prompt,
            Completion(prompt_id=each.prompt.id, text=each.text, policy="given", finish="given"),
        )
        for each in gold.labels
        if each.prompt is not None and each.text is not None
    ]
    if not found:
        raise InputError(
            f"{gold.name}: the file holds labels and no answers; name its judge: --judge replay:FILE"
        )
    return found


def _label(judgments: Sequence[Judgment], one_statement: bool) -> str:
    shares = {each.principle_id or "": share_of(each) for each in judgments}
    if not shares or any(share is None for share in shares.values()):
        failed = [each.state for each in judgments if each.state is not State.SCORE]
        return str(failed[0] if failed else State.TRANSPORT)
    known = {name: share for name, share in shares.items() if share is not None}
    if one_statement:
        return "true" if next(iter(known.values())) > 0.5 else "false"
    return max(known, key=lambda name: known[name])
