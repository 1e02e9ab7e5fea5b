"""Drawing completions: the sample step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlaif.feedback.pairing import Truncated
from rlaif.feedback.sample import AnswerBeginnings, FailedDraw, first_of, sample
from rlaif.feedback.system_turn import SystemTurn
from rlaif.hashing import derived_seed
from rlaif.records import Completion, Prompt, Sampling
from rlaif.workflows.generate.cut_off import Watched, often_cut_off
from rlaif.workflows.models.pool import ModelPool

LEAST_ALIKE = 3
"""Prompts with several completions of which each has one text, before that says something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """What policies answered to prompts, and what could not be drawn."""

    prompts: Sequence[Prompt]
    """All that were asked, also those that nobody answered."""
    drawn: list[tuple[Prompt, Completion]]
    """In prompt order."""
    failed: list[FailedDraw]
    temperature: float = 0.0

    @property
    def completions(self) -> list[Completion]:
        """The answers without their prompts."""
        return [each for _, each in self.drawn]

    @property
    def failed_by_prompt(self) -> Mapping[str, int]:
        """How many could not be drawn, by prompt id."""
        return Counter(each.prompt.id for each in self.failed)

    @property
    def warnings(self) -> list[str]:
        """Sentences on draws that failed, and on a policy whose draws of a prompt never differ."""
        return [*self._undrawn, *self._alike]

    @property
    def _alike(self) -> list[str]:
        texts: dict[str, list[str]] = {}
        for prompt, each in self.drawn:
            texts.setdefault(prompt.id, []).append(each.id)
        several = [own for own in texts.values() if len(own) > 1]
        if not self.temperature or len(several) < LEAST_ALIKE or any(len(set(own)) > 1 for own in several):
            return []
        return [
            f"all completions of a prompt are one text, for each of {len(several)} prompts, at temperature "
            f"{self.temperature:g}: the policy is sure of itself, or its server does not sample; `transformers serve` "
            "does so only where the model's generation_config.json says do_sample: true"
        ]

    @property
    def _undrawn(self) -> list[str]:
        if not self.failed:
            return []
        told = first_of(self.failed, len(self.drawn) + len(self.failed))
        prompts = len(self.failed_by_prompt)
        return [
            f"{told}; {prompts} of {len(self.prompts)} prompts have fewer completions for it, and the same command "
            "asks for them again"
        ]


def draw(
    models: ModelPool,
    policies: Sequence[str],
    prompts: Sequence[Prompt],
    n: int,
    sampling: Sampling,
    seed: int,
    system: SystemTurn | None = None,
    begun: AnswerBeginnings | None = None,
) -> Draws:
    """n completions per prompt, dealt to the policies in turn; in prompt order. `models` are those in their role.

    Raises EngineError where most draws of a policy failed.
    """
    texts: dict[str, list[Completion]] = {prompt.id: [] for prompt in prompts}
    failed: list[FailedDraw] = []
    for number, policy in enumerate(policies):
        if share := len(range(number, n, len(policies))):
            engine = Watched(models.writer(policy))
            found = sample(engine, prompts, n=share, sampling=sampling, seed=seed, system=system, begun=begun)
            failed += found.failed
            for each in found.completions:
                texts[each.prompt_id].append(each)
    drawn = [(prompt, each) for prompt in prompts for each in texts[prompt.id]]
    return Draws(prompts=prompts, drawn=drawn, failed=failed, temperature=sampling.temperature)


def given(drawn: Sequence[tuple[Prompt, Completion]]) -> Draws:
    """Completions that were there already."""
    prompts = list({prompt.id: prompt for prompt, _ in drawn}.values())
    return Draws(prompts=prompts, drawn=list(drawn), failed=[])


def cut_words(
    models: ModelPool,
    policies: Sequence[str],
    drawn: Sequence[Completion],
    sampling: Sampling,
    truncated: Truncated | None = None,
) -> list[str]:
    """A sentence for each policy many of whose draws were cut off, or whose thoughts have no end.

    `truncated` says what becomes of them where pairs are made.
    """
    said: list[str] = []
    for policy in dict.fromkeys(policies):
        own = [each for each in drawn if each.policy == models.engine(policy).fingerprint]
        said += often_cut_off(policy, own, sampling, truncated)
    return said


def answers(
    models: ModelPool,
    policy: str,
    prompts: Sequence[Prompt],
    sampling: Sampling,
    seed: int,
    system: SystemTurn | None = None,
) -> Draws:
    """One completion a prompt."""
    return draw(models, [policy], prompts, 1, sampling, seed, system)


def round_prompts(prompts: Sequence[Prompt], number: int, count: int | None, seed: int) -> list[Prompt]:
    """The prompts of round `number` (from 1): the next `count` of one shuffled order, starting over at its end."""
    if count is None or count >= len(prompts):
        return list(prompts)
    order = sorted(prompts, key=lambda each: derived_seed(seed, "prompt order", each.id))
    start = (number - 1) * count
    return [order[place % len(order)] for place in range(start, start + count)]
