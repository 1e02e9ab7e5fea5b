"""Judges that are no models: the truth as upper bound, chance as floor. Both judge each order alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rlaif.constitution import applies
from rlaif.errors import InputError
from rlaif.hashing import derived_seed, digest
from rlaif.judging.kinds import JudgeContext, JudgeKind, rest_of
from rlaif.judging.labels import CallReading
from rlaif.judging.protocol import Judge, One, Two
from rlaif.records import Completion, Gold, Judgment, Principle, Prompt, State


class GoldJudge:
    """Answers with what is true. Where both are alike it says tie, where it cannot tell it abstains."""

    name = "gold:"
    fingerprint = digest("judge", "gold")

    def __init__(self, gold: Gold) -> None:
        self.gold = gold

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """1 for what follows a principle, 0 for what violates it."""
        return _alone(self.fingerprint, items, principles, self._alone)

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        """1 or 0 where exactly one of the two follows a principle."""
        return _both_orders(self.fingerprint, items, principles, self._first)

    def _met(self, prompt: Prompt, completion: Completion, principle: Principle) -> bool | None:
        return self.gold.grade(prompt, completion.text, [principle])[principle.id]

    def _alone(self, prompt: Prompt, completion: Completion, principle: Principle) -> CallReading:
        met = self._met(prompt, completion, principle)
        return CallReading(State.ABSTAIN) if met is None else CallReading(State.SCORE, float(met))

    def _first(self, prompt: Prompt, one: Completion, other: Completion, principle: Principle) -> CallReading:
        first, second = self._met(prompt, one, principle), self._met(prompt, other, principle)
        if first is None or second is None:
            return CallReading(State.ABSTAIN)
        return CallReading(State.TIE) if first == second else CallReading(State.PREFERENCE, float(first))


class RandomJudge:
    """Knows nothing, but holds to what it said: its pairs are consistent and their labels chance."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.name = f"random:{seed}"
        self.fingerprint = digest("judge", "random", seed)

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """A number from the ids of completion and principle."""
        return _alone(self.fingerprint, items, principles, self._alone)

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        """A number from the ids, turned round for the other order."""
        return _both_orders(self.fingerprint, items, principles, self._first)

    def _alone(self, prompt: Prompt, completion: Completion, principle: Principle) -> CallReading:
        return CallReading(State.SCORE, self._number(completion.id, principle.id))

    def _first(self, prompt: Prompt, one: Completion, other: Completion, principle: Principle) -> CallReading:
        # drawn for the two in one fixed order, so that showing them the other way round changes nothing
        low, high = sorted([one.id, other.id])
        number = self._number(low, high, principle.id)
        return CallReading(State.PREFERENCE, number if one.id == low else 1 - number)

    def _number(self, *ids: str) -> float:
        return derived_seed(self.seed, "random judge", *ids) / 2**63


def _alone(
    judge: str,
    items: Sequence[One],
    principles: Sequence[Principle],
    read: Callable[[Prompt, Completion, Principle], CallReading],
) -> list[Judgment]:
    return [
        _judgment("checklist", judge, prompt, (completion,), principle, read(prompt, completion, principle))
        for prompt, completion in items
        for principle in _asked(principles, prompt)
    ]


def _both_orders(
    judge: str,
    items: Sequence[Two],
    principles: Sequence[Principle],
    read: Callable[[Prompt, Completion, Completion, Principle], CallReading],
) -> list[Judgment]:
    return [
        _judgment("compare", judge, prompt, pair, principle, read(prompt, *pair, principle))
        for prompt, one, other in items
        for pair in ((one, other), (other, one))
        for principle in _asked(principles, prompt)
    ]


def _asked(principles: Sequence[Principle], prompt: Prompt) -> Iterator[Principle]:
    return (each for each in principles if applies(each, prompt))


def _judgment(
    protocol: str,
    judge: str,
    prompt: Prompt,
    completions: tuple[Completion, ...],
    principle: Principle,
    reading: CallReading,
) -> Judgment:
    return Judgment(
        protocol=protocol,
        judge=judge,
        prompt_id=prompt.id,
        completion_ids=tuple(each.id for each in completions),
        principle_id=principle.id,
        state=reading.state,
        value=reading.value,
        detail=reading.detail,
    )


def _open_gold(_: str, context: JudgeContext) -> Judge:
    return GoldJudge(context.gold)


def _open_random(name: str, context: JudgeContext) -> Judge:
    seed = rest_of(name)
    if seed and not seed.isdecimal():
        raise InputError(f"random:{seed}: the part after `random:` is a seed, a whole number")
    return RandomJudge(int(seed) if seed else context.seed)


JUDGE_KIND = (
    JudgeKind(
        name="gold",
        help="gold: the truth that prompts name, the upper bound of an experiment",
        open=_open_gold,
        makes=GoldJudge,
        bare=False,
        control=True,
    ),
    JudgeKind(
        name="random",
        help="random:SEED: chance, the floor of an experiment",
        open=_open_random,
        makes=RandomJudge,
        bare=False,
        control=True,
    ),
)
