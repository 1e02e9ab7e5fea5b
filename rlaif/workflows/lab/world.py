"""What all cells of the lab share: prompts, the first policy's draws, gold, and what says that there is any."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rlaif.constitution import load_principles
from rlaif.errors import InputError, ThresholdError
from rlaif.exchange.prompts import read_prompts
from rlaif.hashing import derived_seed
from rlaif.judging.judge_reward import JudgeReward
from rlaif.records import Completion, Constitution, Message, Pair, Prompt, Sampling
from rlaif.training.gate import pass_prompts
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.lab.config import LabConfig
from rlaif.workflows.lab.flaws import Labeller
from rlaif.workflows.models.gold import grade, has_gold, require_gold, share_met
from rlaif.workflows.models.judge_names import model_directory
from rlaif.workflows.models.pool import ModelPool

WHERE = "rlaif lab overoptimize"


class Graded(NamedTuple):
    """An answer with its gold."""

    prompt: Prompt
    text: str
    gold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabInputs:
    """What the lab reads before it opens any model."""

    config: LabConfig
    constitution: Constitution
    prompts: Sequence[Prompt]
    """Of which pairs are made and on which policies are trained."""
    measured: Sequence[Prompt]
    policy_dir: Path

    @property
    def gold_by(self) -> str:
        """Who gold is, for titles."""
        return f"gold by {self.config.gold}" if self.config.gold is not None else "gold"


def read_inputs(config: LabConfig) -> LabInputs:
    """Read and check everything that can be read without a model. Raises InputError, where there is no gold too."""
    measured = read_prompts(config.held_out)
    prompts, _ = pass_prompts(read_prompts(config.prompts), held_out=measured)
    for name, listed in (("prompts", prompts), ("held_out", measured)):
        if len(listed) < 2:
            raise InputError(
                f"{getattr(config, name)}: has {len(listed)} prompts for {name}; the lab needs two or more"
            )
    if config.gold is None:
        try:
            require_gold([*prompts, *measured], "the lab")
        except InputError as wrong:
            raise InputError(
                f"{wrong}. The lab measures how a proxy leaves the truth: name a judge that stands for it, --gold JUDGE"
            ) from None
        for name, listed in (("prompts", prompts), ("held_out", measured)):
            if not has_gold(listed):
                raise InputError(
                    f"{getattr(config, name)}: no row names a gold; name a judge that stands for it, --gold JUDGE"
                )
    elif config.gold == config.rubric_judge:
        raise InputError(
            f"gold and rubric_judge are both {config.gold}: gold must not be what is trained on; name another"
        )
    return LabInputs(
        config=config,
        constitution=load_principles(config.constitution),
        prompts=prompts,
        measured=measured[: config.measured],
        policy_dir=model_directory(config.policy),
    )


@dataclass(slots=True)
class LabWorld:
    """The inputs with models open: draws and gold, each made once."""

    inputs: LabInputs
    models: ModelPool
    _labelled: list[list[Graded]] = field(default_factory=list)
    _measured: list[list[Graded]] = field(default_factory=list)

    @property
    def config(self) -> LabConfig:
        """What the lab was told."""
        return self.inputs.config

    @property
    def policy_dir(self) -> Path:
        """Where the first policy lies."""
        return self.inputs.policy_dir

    @property
    def sampling(self) -> Sampling:
        """How answers are drawn."""
        return Sampling(temperature=1.0, max_tokens=self.config.max_tokens)

    def measured_draws(self) -> list[list[Graded]]:
        """The first policy's draws of each measured prompt, with gold; the same for all cells."""
        if not self._measured:
            self._measured = self.answers(
                self.config.policy, self.inputs.measured, self.config.best_of, self.config.seed
            )
        return self._measured

    def answers(self, policy: str, prompts: Sequence[Prompt], n: int, seed: int) -> list[list[Graded]]:
        """n answers of a policy to each prompt, those that gold can grade."""
        drawn = draw(self.models, [policy], prompts, n, self.sampling, seed).drawn
        gold = self.gold(drawn)
        groups: dict[str, list[Graded]] = {each.id: [] for each in prompts}
        for (prompt, said), known in zip(drawn, gold, strict=True):
            if known is not None:
                groups[prompt.id].append(Graded(prompt, said.text, known))
        return [groups[each.id] for each in prompts]

    def gold(self, drawn: Sequence[tuple[Prompt, Completion]]) -> list[float | None]:
        """Gold of answers, from 0 to 1; None where it cannot tell."""
        if self.config.gold is None:
            return [share_met(grade(prompt, each, self.inputs.constitution)) for prompt, each in drawn]
        judge = self.models.judge(self.config.gold)
        return JudgeReward(judge, self.inputs.constitution).rewards(
            [p for p, _ in drawn], [c for _, c in drawn]
        )

    def pairs(self, count: int, seed: int, *, noise: float) -> list[Pair]:
        """So many labelled pairs of the first policy's draws; those of fewer are among those of more.

        Raises ThresholdError where gold finds too many equal.
        """
        config = self.config
        labeller = Labeller(
            flaw=config.flaw, text=config.flaw_text, share=config.planted_flaw, noise=noise, seed=seed
        )
        found: list[Pair] = []
        for group in self._labelled_draws():
            for one, other in zip(group[::2], group[1::2], strict=False):
                name = f"{one.prompt.id} {one.text} {other.text}"
                first = labeller.first_is_better(name, (one.text, other.text), (one.gold, other.gold))
                if first is not None and one.text and other.text:
                    chosen, rejected = (one, other) if first else (other, one)
                    found.append(
                        Pair(
                            prompt=one.prompt.messages,
                            chosen=(Message(role="assistant", content=chosen.text),),
                            rejected=(Message(role="assistant", content=rejected.text),),
                            label_prob=1.0,
                        )
                    )
        random.Random(derived_seed("lab pairs", seed)).shuffle(found)
        if len(found) < count:
            raise ThresholdError(
                f"{len(found)} pairs can be made of {len(self.inputs.prompts)} prompts, and {count} labels are asked "
                "for: gold finds the others equal. Name more prompts, or fewer labels"
            )
        return found[:count]

    def trained_on(self, seed: int) -> list[Prompt]:
        """The prompts of policies, in an order of the seed."""
        found = list(self.inputs.prompts)
        random.Random(derived_seed("lab prompts", seed)).shuffle(found)
        return found

    def _labelled_draws(self) -> list[list[Graded]]:
        """Draws enough for the greatest number of labels, of as many different prompts as there are."""
        if not self._labelled:
            wanted = int(max(self.config.labels) * SPARE) + 8
            prompts = self.inputs.prompts[:wanted]
            per_prompt = 2 * -(-wanted // len(prompts))
            self._labelled = self.answers(
                self.config.policy, prompts, per_prompt, derived_seed("lab labels", self.config.seed)
            )
        return self._labelled


SPARE = 1.35
"""Pairs that are drawn for one that gold distinguishes."""
