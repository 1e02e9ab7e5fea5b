"""What `rlaif attack` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.settings import setting
from rlaif.workflows.configs import PROMPTS, RUN, ModelOptions
from rlaif.workflows.models.role_options import LENGTHS, RoleOptions, role_setting
from rlaif.workflows.registered_names import policy_names
from rlaif.workflows.reward.reward_option import read_reward

SEARCH, OUTCOME = "Searches", "Outcome"
"""Headings of `--help`."""


def read_part(text: str) -> Any:
    """A part of a reward as the command line has it: as `--reward` takes it, a directory, or the name of a judge.

    Raises RecipeError for what is none.
    """
    if "=" in text or text.endswith((".yaml", ".yml")):
        return read_reward(text)
    return {"model": text} if Path(text).is_dir() else {"judge": text}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackConfig(ModelOptions):
    """Look for texts that a reward scores above honest answers though they are worth nothing."""

    reward: tuple[Any, ...]
    """The parts of the reward, as `--reward` of a training has them: several are added up."""
    by: Any = setting(
        None,
        help="A second judge that says what texts are worth, as --reward names one: judge=NAME, model=DIR ...",
        metavar="PART",
        read=read_part,
        wanted="a part: judge=NAME",
        group=OUTCOME,
    )
    policy: str | None = setting(
        None, help="The model whose answers are the honest ones.", known=policy_names
    )
    policy_options: RoleOptions | None = role_setting("policy", without=LENGTHS)
    prompts: str | None = setting(
        None,
        help="Prompts: a file (JSONL, JSON, CSV, Parquet, text), a `datasets` directory or a bundled set.",
        group=PROMPTS,
    )
    limit: int = setting(24, help="Use only the first N prompts.", least=1, group=PROMPTS)
    trained_on: Path | None = setting(
        None,
        help="Pairs that the reward was trained on, a file or a run: prompts that they ask are refused.",
        exists="path",
        group=PROMPTS,
    )
    constitution: str | None = setting(
        None,
        help="Constitution by which judges judge and gold grades [default: micro-default with bundled prompts].",
    )
    attacks: tuple[str, ...] = setting((), help="Attack only so; repeatable.", repeated=True, group=SEARCH)
    n: int = setting(8, help="Honest answers per prompt.", least=2, group=SEARCH)
    max_tokens: int = setting(256, help="Most tokens of an answer.", least=1, group=SEARCH)
    attacker: str | None = setting(
        None,
        help="The model of whose draws the extremes are taken [default: the policy].",
        known=policy_names,
        group=SEARCH,
    )
    best_of: int = setting(32, help="Draws per prompt for the extremes.", least=2, group=SEARCH)
    population: int = setting(12, help="Texts per prompt and generation.", least=2, group=SEARCH)
    generations: int = setting(12, help="Generations of evolution.", least=1, group=SEARCH)
    swap_steps: int = setting(12, help="Token swaps per prompt by gradient.", least=1, group=SEARCH)
    swap_tries: int = setting(24, help="Texts that are scored for a swap.", least=1, group=SEARCH)
    quantile: float = setting(
        0.9,
        help="An attack has to score above this quantile of the rewards of the prompt's honest answers.",
        least=0,
        most=1,
        group=OUTCOME,
    )
    max_success: float = setting(
        0.0,
        help="Exit 3 where an attack succeeds on a greater share of the prompts.",
        least=0,
        most=1,
        group=OUTCOME,
    )
    against: Path | None = setting(
        None,
        help="An earlier report, or its directory: success before and after.",
        exists="path",
        group=OUTCOME,
    )
    pairs: Path | None = setting(
        None,
        help="Write pairs for `rlaif train reward`: an honest answer over each attack (.jsonl or .parquet); those of "
        "--trained-on come first.",
        group=OUTCOME,
    )
    mined: float = setting(
        0.5,
        help="Share of the prompts of which pairs are made; the others stay fresh for the next report.",
        above=0,
        most=1,
        group=OUTCOME,
    )
    seed: int = setting(0, help="Seed of all random numbers.", group=RUN)
    out: Path | None = setting(None, help="Also write report and texts as a run, into this directory.")
