"""Baselines that train nothing: the best of several draws by the judge, and the constitution in the prompt alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rlaif.auditing.overoptimisation import best_of_n_kl
from rlaif.constitution import load_principles
from rlaif.exchange.prompts import read_prompts
from rlaif.feedback.system_turn import CONSTITUTION as RULES
from rlaif.feedback.system_turn import system_turn
from rlaif.hashing import derived_seed
from rlaif.judging.judge_reward import JudgeReward
from rlaif.workflows.lab.table.cell import TableCell
from rlaif.workflows.lab.table.columns import COLUMNS
from rlaif.workflows.lab.table.world import AnswerWithGold, MeasuredOn, TableWorld

BEST_OF = 8
POLICY, HELD_OUT, CONSTITUTION = "micro", "micro:held-out", "micro-default"


def _asked(count: int) -> MeasuredOn:
    prompts, rules = read_prompts(HELD_OUT)[:count], load_principles(CONSTITUTION)
    return MeasuredOn(prompts=prompts, constitution=rules, start=POLICY)


def best_of_draws(cell: TableCell, world: TableWorld) -> dict[str, Any]:
    """Of `BEST_OF` answers the one that the column's judge likes best; its KL is the formula's, without ties."""
    asked = _asked(world.config.measured)
    drawn = world.answers(POLICY, asked, derived_seed("table best", cell.seed), n=BEST_OF)
    before = _calls(world)
    judge = world.models.judge(COLUMNS[cell.column].judge)
    rewards = JudgeReward(judge, asked.constitution).rewards(
        [each.prompt for each in drawn], [each.said for each in drawn]
    )
    best: dict[str, tuple[float, AnswerWithGold]] = {}
    for each, reward in zip(drawn, rewards, strict=True):
        # what the judge cannot score is only taken where it can score nothing
        liked = float("-inf") if reward is None else reward
        if each.prompt.id not in best or liked > best[each.prompt.id][0]:
            best[each.prompt.id] = (liked, each)
    chosen = [each for _, each in best.values()]
    spent = {"answers": len(drawn), "judge_calls": _calls(world) - before, "tokens": 0}
    return {**world.figures(chosen, asked, cell.seed), "kl": best_of_n_kl(BEST_OF), "spent": spent}


def _calls(world: TableWorld) -> int:
    """Calls so far, those included that an interrupted command has kept."""
    counted = world.models.calls
    return counted["new"] + counted["reused"]


def constitution_in_prompt(cell: TableCell, world: TableWorld) -> dict[str, Any]:
    """The start with the rules in a system turn; its KL is from the start without them."""
    asked = _asked(world.config.measured)
    system = system_turn(RULES, asked.constitution)
    found = world.answers(POLICY, asked, derived_seed("table rules", cell.seed), system=system)
    spent = {"answers": len(found), "judge_calls": 0, "tokens": 0}
    return {**world.figures(found, asked, cell.seed), "kl": None, "spent": spent}


DIRECT: Mapping[str, Callable[[TableCell, TableWorld], dict[str, Any]]] = {
    "best-of-draws": best_of_draws,
    "rules-in-prompt": constitution_in_prompt,
}
"""By what `settings.yaml` says under `draws`."""


def play_direct(draws: str, cell: TableCell, world: TableWorld) -> dict[str, Any]:
    """The figures of such a baseline."""
    began = time.process_time()
    found = DIRECT[draws](cell, world)
    return {**found, "seconds": round(time.process_time() - began, 1)}
