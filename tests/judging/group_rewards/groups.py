"""Groups of completions whose worth is their number, and judges that know it, or do not."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from rlaif.judging.function_judge import FunctionReward, PairFunctionJudge
from rlaif.judging.group_rewards.part import GroupPart, PromptGroup
from rlaif.judging.labels import CallReading
from rlaif.judging.rewards import NamedRewardJudge
from rlaif.judging.scales import REWARD, Scale
from rlaif.records import Completion, Principle, Prompt, State
from tests.judging.builders import prompt

TO = prompt()


def group(*texts: str, to: Prompt = TO) -> PromptGroup:
    return PromptGroup(
        to, [Completion(prompt_id=to.id, text=each, policy="p", draw=n) for n, each in enumerate(texts)]
    )


def worth(completion: Completion) -> float:
    return float(completion.text)


def pairs(compare: Callable[[Completion, Completion], float | None], name: str = "j") -> PairFunctionJudge:
    return PairFunctionJudge(name, lambda _, one, other: compare(one, other), fingerprint=name)


def oracle(one: Completion, other: Completion) -> float:
    """Sure of the better one, whatever the places; even of equals."""
    return 0.5 + 0.45 * ((worth(one) > worth(other)) - (worth(one) < worth(other)))


def inverted(one: Completion, other: Completion) -> float:
    return 1 - oracle(one, other)


def first_shown(_: Completion, __: Completion) -> float:
    return 0.95


def failing(share: float, seed: int = 0) -> Callable[[Completion, Completion], float | None]:
    """An oracle that has no answer to a share of the pairs, in one order or the other."""

    def compare(one: Completion, other: Completion) -> float | None:
        drawn = random.Random(f"{seed}|{one.text}|{other.text}").random()
        return None if drawn < share else oracle(one, other)

    return compare


def numbered(function: Callable[[Completion], float | None], name: str = "f") -> NamedRewardJudge:
    return NamedRewardJudge(FunctionReward(name, lambda _, each: function(each), fingerprint=name))


class Fixed:
    """A part that says what a table has: a number, or the state that stands in its place."""

    def __init__(self, name: str, table: Mapping[str, float | State], scale: Scale = REWARD) -> None:
        self.name, self.table, self.scale = name, table, scale
        self.fingerprint = name

    def readings(self, groups: Sequence[PromptGroup], *, step: int, seed: int) -> list[CallReading]:
        said = [self.table[each.text] for group in groups for each in group.completions]
        return [
            CallReading(each, detail="no answer")
            if isinstance(each, State)
            else CallReading(State.SCORE, each)
            for each in said
        ]


_: GroupPart = Fixed("checked by its type", {})


class Letters:
    """A gold: a response follows the principle whose letter it has; of `a?` nothing can be told."""

    def grade(self, asked: Prompt, text: str, principles: Sequence[Principle]) -> Mapping[str, bool | None]:
        return {each.id: None if f"{each.id}?" in text else each.id in text for each in principles}
