"""What `rlaif lab overoptimize` is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rlaif.errors import InputError
from rlaif.settings import setting
from rlaif.workflows.configs import PROMPTS, RUN, ModelOptions
from rlaif.workflows.registered_names import judge_names, policy_names

GRID, HOLE, MEASURED, TRAINED = "The grid", "The hole", "What is measured", "How policies are trained"
NICE_DAY = "It is a nice day."
QUICK: dict[str, Any] = {
    "sizes": ("1", "2", "4"),
    "labels": (32,),
    "seeds": 1,
    "best_of": 32,
    "measured": 8,
    "draws": 1,
    "steps": 3,
    "every": 1,
    "learning_rate": 2e-3,
    "batch_size": 4,
    "n": 4,
    "passes": 2.0,
    "max_tokens": 96,
}
"""The grid of `--quick`: each way of training once, as small as it can be. Its figures say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabConfig(ModelOptions):
    """Draw gold and proxy against the distance from the first policy, over a grid of reward models."""

    out: Path = setting(help="Directory to write; the same command resumes.")
    policy: str = setting(
        "micro", help="The first policy, a model whose weights are here.", known=policy_names
    )
    prompts: str = setting(
        "micro:train", help="Prompts that pairs are made of and policies are trained on.", group=PROMPTS
    )
    held_out: str = setting("micro:held-out", help="Prompts that policies are measured on.", group=PROMPTS)
    constitution: str = setting("micro-default", help="What gold grades by: a file or a name.")
    gold: str | None = setting(
        None,
        help="Who is gold where prompt rows name none: a judge. What is then shown is gold by that judge "
        "[default: the gold that the rows of the prompts name].",
        known=judge_names,
    )
    sizes: tuple[str, ...] = setting(
        ("1", "2", "4"),
        help="Reward models: the first so many layers of the policy, or model directories [default: 1,2,4].",
        metavar="SIZE,SIZE",
        group=GRID,
    )
    labels: tuple[int, ...] = setting(
        (32, 128, 512),
        help="Pairs that reward models are trained on [default: 32,128,512].",
        metavar="N,N",
        group=GRID,
    )
    methods: tuple[str, ...] = setting(
        (), help="Which ways of optimising are measured [default: all].", metavar="NAME,NAME", group=GRID
    )
    seeds: int = setting(3, help="Seeds of the whole grid.", least=1, group=GRID)
    quick: bool = setting(
        False, help="The smallest grid, in a few minutes; its figures say nothing.", group=GRID
    )
    planted_flaw: float = setting(
        0.4, help="Share of the labels that follow the flaw and not gold.", least=0, most=1, group=HOLE
    )
    flaw: Literal["length", "token"] = setting(
        "length", help="The flaw: the longer answer wins, or the one with `flaw_text`.", group=HOLE
    )
    flaw_text: str = setting(NICE_DAY, help="The harmless text that the flaw `token` rewards.", group=HOLE)
    noise: float = setting(
        0.25,
        help="Share of the labels that are turned, in the cells with judge noise.",
        above=0,
        below=0.5,
        group=HOLE,
    )
    rubric_judge: str | None = setting(
        "micro:weak",
        help="The judge whose checklist is the reward in the cells of rubric dropout; none: no such cells.",
        group=HOLE,
    )
    dropout: float = setting(
        0.4,
        help="Share of the criteria that rubric dropout leaves out of a step.",
        above=0,
        below=1,
        group=HOLE,
    )
    best_of: int = setting(
        64,
        help="Draws of each measured prompt; best of n is measured up to a quarter of them.",
        least=8,
        group=MEASURED,
    )
    measured: int = setting(32, help="Prompts that are measured on.", least=2, group=MEASURED)
    draws: int = setting(2, help="Answers to each of them at a checkpoint.", least=1, group=MEASURED)
    steps: int = setting(16, help="Steps of each training of a policy.", least=1, group=TRAINED)
    every: int = setting(4, help="Steps between two measurements.", least=1, group=TRAINED)
    batch_size: int = setting(
        4,
        help="Prompts a step of grpo and ppo; dpo and distillation take four times as many rows.",
        least=2,
        group=TRAINED,
    )
    n: int = setting(
        8,
        help="Rollouts of a prompt of grpo, and draws of which distillation learns the best.",
        least=2,
        group=TRAINED,
    )
    learning_rate: float = setting(1e-3, help="Of policies.", above=0, group=TRAINED)
    passes: float = setting(3.0, help="Passes of a reward model over its pairs.", above=0, group=TRAINED)
    max_tokens: int = setting(96, help="Tokens of an answer.", least=8, group=TRAINED)
    seed: int = setting(0, help="First seed; the others follow.", group=RUN)

    def __post_init__(self) -> None:
        """Raise InputError for a grid that cannot be drawn."""
        if not self.sizes or not self.labels:
            raise InputError("the grid is empty; name sizes and labels, as --sizes 1,2,4 --labels 32,128,512")
        for name, values in (("sizes", self.sizes), ("labels", self.labels)):
            if len(set(values)) < len(values):
                raise InputError(f"{name} names {values[0]} and others, one of them twice; name each once")
        if any(each < 2 for each in self.labels):
            raise InputError(f"labels has {min(self.labels)}; a reward model needs two pairs at least")


def settled(config: LabConfig) -> LabConfig:
    """The configuration as it is run: `--quick` sets the sizes of the grid."""
    return replace(config, **QUICK) if config.quick else config
