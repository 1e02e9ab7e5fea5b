"""Log-probabilities under the reference: computed once, kept on disk, never trained through."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rlaif.training.packing import Tree, pack, split
from rlaif.training.scorer import Scorer
from rlaif.training.state import TrainingFolder

NAME = "reference"


def reference_logps(
    scorer: Scorer, trees: Sequence[Tree], *, packed: bool, batch_tokens: int
) -> list[Tensor]:
    """For each tree, the log-probability of every branch token, branch after branch, on the CPU."""
    device = next(scorer.parameters()).device
    found: list[Tensor] = [torch.empty(0)] * len(trees)
    if not trees:
        return found
    for group in split(trees, batch_tokens):
        members = [trees[index] for index in group]
        batch = pack(members, packed=packed, pad_id=scorer.pad_id, with_last=False)
        with torch.no_grad():
            logp_N = scorer(batch.to(device)).logp_N.cpu()
        sizes = [sum(map(len, tree.branches)) for tree in members]
        for index, part in zip(group, torch.split(logp_N, sizes), strict=True):
            found[index] = part.clone()
    return found


def load_reference(folder: TrainingFolder, trees: Sequence[Tree]) -> list[Tensor] | None:
    """What an interrupted training of the same kind has computed, or None."""
    held = folder.load(NAME)
    if held is None:
        return None
    sizes = [sum(map(len, tree.branches)) for tree in trees]
    return list(torch.split(held[0]["logp"], sizes))


def save_reference(folder: TrainingFolder, logps: Sequence[Tensor]) -> None:
    """Keep the log-probabilities for a resumed run."""
    folder.save(NAME, {"logp": torch.cat(list(logps))})
