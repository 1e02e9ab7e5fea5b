"""Rollouts of an engine elsewhere: it is handed the weights of each step, and every draw is held against the trainer.

Nobody sees by its answers whether an engine has taken new weights over. So two things are looked at before a reward is
asked: that it reads a few texts as the trainer reads them now, and not as it did before; and that what it drew is about
as probable to the trainer.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from rlaif.engines.samplers import ReadText, Sampler, TokenDraw, TokenText
from rlaif.errors import EngineError, ThresholdError
from rlaif.hashing import derived_seed
from rlaif.training.configs.online import OnlineConfig
from rlaif.training.models import Opened
from rlaif.training.online.kept_draws import KeptDraws
from rlaif.training.online.reading import TreeReader
from rlaif.training.online.rollouts import Rollout, TokenPrompt, rollout_of
from rlaif.training.packing import Tree

PROBES = 4
"""Rollouts of a step that are read anew when later weights are handed over."""
MATERIAL = {"float32": 1e-4, "bf16": 0.05}
"""Nats, root mean square over tokens, by which the policy must read texts otherwise than before, until a sampler can
be told to have taken the change over: above the noise of two programs."""
NEARER = 0.25
"""A sampler whose squared distance to the weights before is less than this share of that to the new ones has the old.

With the new ones and noise e the distances are |e + d| and |e|, d the change: as long as the noise is smaller than half
of the change, the first is never the smaller one.
"""

STALE_REMEDY = (
    "See its log, start it anew with the model that is trained and the options of docs/rl.md, or draw without "
    "it (rollouts: live)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """How a sampler gets the weights of a step."""

    write: Callable[[Path], None]
    """Writes the weights as they are, in the form that the sampler takes, as a directory."""
    folder: Path
    """Where to, and where draws are kept."""
    version: str
    """What tells this training's weights from all others."""
    checkpoint_every: int


@dataclass(frozen=True, slots=True)
class _Probe:
    """Texts, and how the trainer read them before its updates."""

    texts: Sequence[ReadText]
    read: Sequence[torch.Tensor]


class SampledRollouts:
    """Draws from a sampler that is handed the trainer's weights when they have changed."""

    def __init__(
        self, sampler: Sampler, opened: Opened, config: OnlineConfig, read: TreeReader, over: HandOver
    ) -> None:
        self._sampler, self._opened, self._config = sampler, opened, config
        self._read, self._over = read, over
        self._kept = KeptDraws(over.folder)
        self._handed: tuple[int, Path] | None = None
        """The step whose weights the sampler has, and where they lie: an adapter may be read again."""
        self._probe: _Probe | None = None
        # what a killed training left is of weights that may never have been handed over
        for left in over.folder.glob("weights-*"):
            shutil.rmtree(left, ignore_errors=True)

    def draw(self, prompts: Sequence[TokenPrompt], *, step: int) -> list[list[Rollout]]:
        """For each prompt its group; what was drawn of this step already is not drawn again.

        Raises EngineError where weights cannot be handed over or are not taken over, or nothing can be drawn;
        ThresholdError where what was drawn is of other weights by more than `max_drift`.
        """
        self._kept.forget_before(step - step % self._over.checkpoint_every)
        kept = self._kept.of(step)
        missing = [each for each in prompts if each.prompt.id not in kept]
        drawn = self._drawn(missing, step) if missing else {}
        texts = kept | drawn
        groups = [
            [
                rollout_of(self._opened, each, text, number=number, step=step)
                for number, text in enumerate(texts[each.prompt.id])
            ]
            for each in prompts
        ]
        trees = [
            Tree(each.ids, tuple(one.ids for one in group))
            for each, group in zip(prompts, groups, strict=True)
        ]
        read = [
            [replace(one, trained=tuple(logp.tolist())) for one, logp in zip(group, said.logps, strict=True)]
            for group, said in zip(groups, self._read(trees), strict=True)
        ]
        self._refuse_drift(read, step)
        if drawn:
            self._kept.keep(step, drawn)
        self._probe = self._probe or self._probe_of(trees)
        return read

    def _drawn(self, prompts: Sequence[TokenPrompt], step: int) -> dict[str, list[TokenText]]:
        """What the weights of this step draw now. Raises EngineError, with the step."""
        config = self._config
        asked = [
            TokenDraw(
                each.ids,
                derived_seed("rollout", config.seed, step, each.prompt.id, number),
                min(config.max_tokens, self._opened.room - len(each.ids)),
            )
            for each in prompts
            for number in range(config.n)
        ]
        try:
            self._hand_over(step)
            texts = iter(self._sampler.draw(asked))
        except EngineError as problem:
            raise EngineError(
                f"step {step + 1}: {problem}. What was trained and drawn is kept: the same command goes on"
            ) from problem
        return {each.prompt.id: [next(texts) for _ in range(config.n)] for each in prompts}

    def _hand_over(self, step: int) -> None:
        """See to it that the sampler has the weights of this step."""
        before, over = self._handed, self._over
        if before is not None and before[0] == step:
            return
        directory = (over.folder / f"weights-{step}").absolute()
        over.write(directory)
        self._sampler.load(directory, f"{over.version}:{step}")
        self._handed = (step, directory)
        if before is not None:
            shutil.rmtree(before[1], ignore_errors=True)
        if self._probe is not None:
            self._refuse_stale(self._probe)

    def _refuse_stale(self, probe: _Probe) -> None:
        """Raise EngineError where the sampler reads texts as the trainer did before, and not as it does now."""
        old_N = torch.cat(list(probe.read)).double()
        new_N = torch.cat(self._at_one([Tree(each.prompt, (each.ids,)) for each in probe.texts])).double()
        if float(((new_N - old_N) ** 2).mean().sqrt()) < MATERIAL[self._config.precision]:
            return  # the same texts are looked at again when more has changed
        said = self._sampler.read(probe.texts)
        self._probe = None
        if said is None:
            return
        said_N = torch.tensor([value for each in said for value in each], dtype=torch.float64)
        to_old, to_new = (float(((said_N - each) ** 2).sum()) for each in (old_N, new_N))
        if to_old < NEARER * to_new:
            raise EngineError(
                f"{self._sampler.name} took the new weights without complaint, and computes with those before: it "
                f"reads {len(probe.texts)} texts as the policy did before it learned. {STALE_REMEDY}"
            )
        apart = float((said_N - new_N).abs().mean())
        if not apart <= self._config.max_drift:
            raise EngineError(
                f"{self._sampler.name} took the new weights without complaint, and computes with others: a token of "
                f"{len(probe.texts)} texts is differently probable by {apart:.2g} nats, limit "
                f"{self._config.max_drift:g} (max_drift). {STALE_REMEDY}"
            )

    def _refuse_drift(self, groups: Sequence[Sequence[Rollout]], step: int) -> None:
        """Raise ThresholdError where the sampler is not the policy."""
        apart = [
            abs(one - other)
            for group in groups
            for each in group
            for one, other in zip(each.trained or (), each.logprobs or (), strict=True)
        ]
        mean = sum(apart) / max(1, len(apart))
        if not mean <= self._config.max_drift:
            raise ThresholdError(
                f"step {step + 1}: the policy finds a token that {self._sampler.name} drew differently probable by "
                f"{mean:.2g} nats on average, limit {self._config.max_drift:g} (max_drift): it draws from other "
                f"weights, or at another temperature than it says. {STALE_REMEDY} Where its numbers are only coarse, "
                "raise max_drift; the same command then goes on"
            )

    def _probe_of(self, trees: Sequence[Tree]) -> _Probe:
        """A few of what was drawn, as the trainer reads it before it learns."""
        # without the last token: a sampler that reads a text draws one behind it, and the text may fill its context
        texts = [ReadText(tree.prefix, branch[:-1] or branch) for tree in trees for branch in tree.branches]
        texts = sorted(texts, key=lambda each: -len(each.ids))[:PROBES]
        return _Probe(texts, self._at_one([Tree(each.prompt, (each.ids,)) for each in texts]))

    def _at_one(self, trees: Sequence[Tree]) -> list[torch.Tensor]:
        """How the trainer reads the one branch of each tree, at temperature 1."""
        scorer, warm = self._read.scorer, self._read.scorer.temperature
        scorer.temperature = 1.0
        try:
            return [each.logps[0] for each in self._read(trees)]
        finally:
            scorer.temperature = warm
