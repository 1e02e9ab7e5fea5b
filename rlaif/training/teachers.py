"""Whose distribution a student learns: its own weights as they were, as they are, or their mean; or another model's.

Nothing is kept of what a teacher says: it is asked for the rows of a pass, and again in the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.func import functional_call

from rlaif.engines.local.load import load_counting_tokenizer
from rlaif.errors import ModelError
from rlaif.training.configs.loop import LoopConfig
from rlaif.training.head import TokenLogprobs
from rlaif.training.models import open_causal
from rlaif.training.packing import Batch
from rlaif.training.reference import nothing_random
from rlaif.training.scorer import BranchScorer

PREFIX = "teacher/"


class Teacher(Protocol):
    """Reads a batch, without a gradient."""

    def read(self, batch: Batch) -> TokenLogprobs:
        """What the teacher says of the tokens of a batch."""

    def after(self) -> None:
        """Go along after a step of the student's."""

    def tensors(self) -> Mapping[str, Tensor]:
        """What a checkpoint must hold of it; nothing where it can be made again."""

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Be as it was when these were kept."""


class OwnTeacher:
    """The trained model itself. Of its weights only those that train are held a second time, and none where it teaches
    as it is."""

    def __init__(self, scorer: BranchScorer, rate: float) -> None:
        self._scorer, self._rate = scorer, rate
        self._trained = {name: each for name, each in scorer.named_parameters() if each.requires_grad}
        self._held = {name: each.detach().clone() for name, each in self._trained.items() if rate < 1}

    def read(self, batch: Batch) -> TokenLogprobs:
        """What the held weights say of the tokens."""
        with torch.no_grad(), nothing_random(self._scorer):
            said: TokenLogprobs = (
                functional_call(self._scorer, self._held, (batch,)) if self._held else self._scorer(batch)
            )
        return said

    @torch.no_grad()
    def after(self) -> None:
        """Take the newest weights into the mean: held + rate * (newest - held)."""
        if 0 < self._rate < 1:
            for name, each in self._held.items():
                each.lerp_(self._trained[name].detach(), self._rate)

    def tensors(self) -> Mapping[str, Tensor]:
        """The mean; weights as they were at first are read from the model that is trained."""
        if not 0 < self._rate < 1:
            return {}
        return {f"{PREFIX}{name}": each for name, each in self._held.items()}

    @torch.no_grad()
    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Be the mean that was kept."""
        for name in self.tensors():
            own = self._held[name.removeprefix(PREFIX)]
            own.copy_(tensors[name])


class OtherTeacher:
    """Another model, which stays as it is."""

    def __init__(self, scorer: BranchScorer) -> None:
        self.scorer = scorer

    def read(self, batch: Batch) -> TokenLogprobs:
        """What it says of the tokens."""
        with torch.no_grad(), nothing_random(self.scorer):
            said: TokenLogprobs = self.scorer(batch)
        return said

    def after(self) -> None:
        """Stay."""

    def tensors(self) -> Mapping[str, Tensor]:
        """Nothing: its directory holds it."""
        return {}

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Nothing was kept."""


def open_teacher(folder: Path, scorer: BranchScorer, config: LoopConfig) -> OtherTeacher:
    """The model in a directory as a teacher, beside the student's `scorer` on its device."""
    held = open_causal(folder, config)
    held.model.requires_grad_(False)
    own = BranchScorer(held.model, held.pad_id, bf16=scorer.bf16).to(next(scorer.parameters()).device)
    own.distributions = scorer.distributions
    return OtherTeacher(own)


def check_same_tokens(teacher: Path, student: Path) -> None:
    """Raise ModelError where two models do not write in the same tokens."""
    one, other = (load_counting_tokenizer(each).get_vocab() for each in (teacher, student))
    if one == other:
        return
    differ = len(one.items() ^ other.items())
    raise ModelError(
        f"the teacher {teacher} has another tokenizer than the student {student} ({differ:,} entries of {len(one):,} "
        f"and {len(other):,} differ): what it says of a token is said of another text. That holds for form "
        "sampled too, which asks the teacher how probable each of the student's tokens is. Name a teacher of the same "
        "family, or let it "
        "write answers under its context and imitate those (`sample` with `model` and `system`, then `train` with "
        "method sft)"
    )
