"""A reward tried on a few completions before anything is trained on it: one that teaches nothing is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import isclose

from rlaif.errors import InputError
from rlaif.judging.group_rewards.parts_reward import PartsReward, is_answer
from rlaif.records import Completion, Component, Prompt

SURE = 16
"""Different completions that must have one and the same reward before it is called constant."""
CLOSE = 1e-9
"""Numbers that differ by less are one, but for rounding."""
STEP = -1
"""The step in whose place a probe asks: no step of a training leaves out the same criteria."""


def probe(
    reward: PartsReward,
    prompts: Sequence[Prompt],
    groups: Sequence[Sequence[Completion]],
    *,
    seed: int,
    where: str,
) -> list[str]:
    """Ask a reward of a few completions of a few prompts, and see that it can be learned from.

    Args:
        reward: what is tried; its calls are kept like all others.
        prompts: a few of those that are trained on.
        groups: completions of the policy to each.
        seed: of the training.
        where: the reward stands, for messages.

    Returns:
        What is worth a warning: a component that says the same of all, one that fails now and then.

    Raises:
        InputError: a component has no number of any completion (a number that is not finite is none), or of the
            completions of each prompt (16 different ones or more in all) all have one total.
    """
    found = reward.score(prompts, groups, step=STEP, seed=seed)
    drawn = [each for group in groups for each in group]
    answers = [place for place, each in enumerate(drawn) if is_answer(each)]
    if not answers:
        return ["no completion of the probe is whole: all were cut off; raise max_tokens"]
    for each in found.components:
        silent = all(each.silent[place] for place in answers)
        if not silent and all(each.values[place] is None for place in answers):
            raise InputError(f"{where}: {_always_fails(each, len(answers), reward.reasons[each.name])}")
    known = [place for place in answers if found.totals[place] is not None]
    if not known:
        raise InputError(
            f"{where}: reward: none of {len(answers)} completions has a reward: of each a condition, or a part that "
            f"has to be there, could not be read; {_commonest(reward)}"
        )
    different = len({drawn[place].id for place in answers})
    doubts = [line for each in found.components for line in _doubts(each, answers, different)]
    if _constant(found.totals, groups):
        said = (
            f"reward: does not differ between the completions of any of {len(prompts)} prompts, so that nothing can be "
            "learned"
        )
        if not reward.rare:
            raise InputError(
                f"{where}: {said}; look at some completions, and name a judge, principles or prompts by which they "
                "differ, or draw at a higher temperature; where few answers are right at first, say `rare: true` at "
                "that part"
            )
        doubts.insert(0, f"{said} from them")
    return doubts


def _constant(totals: Sequence[float | None], groups: Sequence[Sequence[Completion]]) -> bool:
    """Whether all completions of each prompt have one total; of single completions, whether all of them have."""
    known: list[dict[str, float]] = []
    places = iter(totals)
    for group in groups:
        own = {each.id: number for each in group if (number := next(places)) is not None}
        known.append(own)
    if all(len(each) < 2 for each in known):
        known = [{name: number for own in known for name, number in own.items()}]
    compared = [each for each in known if len(each) > 1]
    return sum(map(len, compared)) >= SURE and not any(map(_differ, (each.values() for each in compared)))


def _differ(numbers: Iterable[float]) -> bool:
    known = list(numbers)
    return not all(isclose(each, known[0], rel_tol=CLOSE, abs_tol=CLOSE) for each in known)


def _always_fails(component: Component, count: int, reasons: Counter[str]) -> str:
    why = next((reason for reason, _ in reasons.most_common(1)), "no reason was kept")
    return (
        f"reward part {component.name!r}: has no number of any of {count} completions, most often with: {why}; mend "
        "that, ask in another way (`protocol`), or name another judge"
    )


def _commonest(reward: PartsReward) -> str:
    told = [f"{name}: {reason}" for name, own in reward.reasons.items() for reason, _ in own.most_common(1)]
    return "; ".join(told) or "no reason was kept"


def _doubts(component: Component, answers: Sequence[int], different: int) -> list[str]:
    known = [number for place in answers if (number := component.values[place]) is not None]
    silent = sum(component.silent[place] for place in answers)
    lost, said = len(answers) - len(known) - silent, []
    if lost:
        said.append(f"reward part {component.name!r}: has no number of {lost} of {len(answers)} completions")
    if silent == len(answers):
        said.append(f"reward part {component.name!r}: has nothing to say of any of {silent} completions")
    if different >= SURE and known and not component.hard and not _differ(known):
        said.append(
            f"reward part {component.name!r}: is {known[0]:g} for all {different} different completions"
        )
    return said
