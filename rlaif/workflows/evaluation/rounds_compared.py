"""The policy of a round against that of every earlier round, and the table of all: what `evaluate` adds to a row.

Who compares is the judge that the run began with, in every round: strengths by a judge that moves would not be of one
scale. Answers of earlier rounds are drawn again from the store, and so cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rlaif.auditing.length_control import length_controlled
from rlaif.auditing.strengths import Game, strengths_of
from rlaif.exchange.measured import MeasuredAnswer
from rlaif.records import Completion
from rlaif.workflows.evaluation.win_rate import AnswersCompared

ROUND = "round "
"""Before the number of a round in `beats`, the column of the policy's comparisons."""


def called(number: int) -> str:
    """What the policy's comparisons call the policy of an earlier round."""
    return f"{ROUND}{number}"


def controlled_rate(
    found: AnswersCompared, ours: Sequence[Completion], theirs: Sequence[Completion], seed: int
) -> dict[str, float] | None:
    """The win rate at equal lengths (Dubois et al., 2024) with its interval; None of fewer than two prompts."""
    own, other = ({each.prompt_id: len(each.text) for each in side} for side in (ours, theirs))
    prompts = [each for each in found.scores if each in own and each in other]
    estimate = length_controlled(
        [found.scores[each] for each in prompts],
        [(own[each], other[each]) for each in prompts],
        list(range(len(prompts))),
        seed=seed,
    )
    return None if estimate is None else {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def won_against(
    compared: Mapping[int, AnswersCompared],
    ours: Sequence[Completion],
    theirs: Mapping[int, Sequence[Completion]],
    seed: int,
) -> dict[str, Any]:
    """By the number of an earlier round, the win rate against its policy, and that at equal lengths."""
    return {
        str(number): {
            **asdict(each.rate),
            "length_controlled": controlled_rate(each, ours, theirs[number], seed),
        }
        for number, each in compared.items()
    }


def strength_rows(answers: Mapping[int, Sequence[MeasuredAnswer]], seed: int) -> list[dict[str, Any]]:
    """The Bradley-Terry table of the policies of rounds, round 0 at 0; empty where too little was compared.

    Args:
        answers: By round, the answers of its policy with what they beat.
        seed: Of the intervals.
    """
    order = sorted(answers)
    words = {
        number: {each.prompt.id: len(each.answer.text) for each in own} for number, own in answers.items()
    }
    games = []
    for place, number in enumerate(order):
        for each in answers[number]:
            for other, earlier in enumerate(order[:place]):
                won, theirs = each.beats.get(called(earlier)), words[earlier].get(each.prompt.id)
                if won is not None and theirs is not None:
                    longer = float(words[number][each.prompt.id] - theirs)
                    games.append(Game(each.prompt.id, place, other, won, longer))
    return [
        {
            "round": order[each.policy],
            **{name: value for name, value in each.as_dict().items() if name != "policy"},
        }
        for each in strengths_of(games, len(order), seed=seed)
    ]
