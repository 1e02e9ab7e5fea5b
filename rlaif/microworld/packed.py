"""Rows of a shared prefix and independent suffixes as padded tensors: mask, restarted positions, weighted targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rlaif.microworld.rows import PackedRow

IGNORED = -100
LABEL_SKILLS = frozenset({"checklist", "score", "compare", "meta", "step"})
_TEXT_WEIGHT = {
    "respond": 0.2,
    "respond-constitution": 0.2,
    "respond-good-bad": 0.2,
    "rank": 0.6,
    "revise": 0.6,
    "similar-prompt": 0.1,
}
_USUAL_TEXT_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Encoded:
    """A row in token ids. `segments` is 0 for the shared prefix, else the number of the suffix."""

    skill: str
    ids: list[int]
    positions: list[int]
    segments: list[int]
    targets: list[int]
    """The target token of each position, or -100."""
    firsts: list[int]
    """Positions that predict an answer's first token."""


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """Tensors of N rows padded to length L; `allowed_N1LL` is the attention mask."""

    ids_NL: Tensor
    positions_NL: Tensor
    allowed_N1LL: Tensor
    targets_NL: Tensor
    weights_NL: Tensor
    firsts_NL: Tensor
    skills: list[str]

    def to(self, device: torch.device) -> PackedBatch:
        """The same batch on `device`."""
        tensors = {name: getattr(self, name).to(device) for name in self.__slots__ if name != "skills"}
        return PackedBatch(**tensors, skills=self.skills)


def encode(rows: Sequence[PackedRow], tokenizer: Any) -> list[Encoded]:
    """Token ids of rows; the pieces join at word borders, where the tokenizer never merges."""
    pieces = [
        piece
        for made in rows
        for piece in (made.prefix, *(part for ending in made.endings for part in ending))
    ]
    ids = iter(tokenizer(pieces, add_special_tokens=False)["input_ids"])
    return [_encode_row(made, next(ids), [(next(ids), next(ids)) for _ in made.endings]) for made in rows]


def _encode_row(made: PackedRow, prefix: list[int], endings: list[tuple[list[int], list[int]]]) -> Encoded:
    found = Encoded(
        made.skill, list(prefix), list(range(len(prefix))), [0] * len(prefix), [IGNORED] * len(prefix), []
    )
    for number, (shown, answer) in enumerate(endings, 1):
        # the last token of the shared part predicts an ending's first token; with no shown part several endings
        # would compete for that one position, so it is given to each ending anew
        lead = shown if shown else [prefix[-1]]
        start = len(prefix) - (0 if shown else 1)
        block = [*lead, *answer[:-1]]
        found.ids.extend(block)
        found.positions.extend(range(start, start + len(block)))
        found.segments.extend([number] * len(block))
        found.firsts.append(len(found.targets) + len(lead) - 1)
        found.targets.extend([IGNORED] * (len(lead) - 1) + list(answer))
    return found


def collate(rows: Sequence[Encoded], pad: int) -> PackedBatch:
    """Pad rows to their longest. A suffix attends to the prefix and itself; a repeated first token, not to its copy."""
    length = max(len(each.ids) for each in rows)

    def stack(field: str, fill: int) -> Tensor:
        return torch.tensor([getattr(each, field) + [fill] * (length - len(each.ids)) for each in rows])

    segments, positions = stack("segments", -1), stack("positions", 0)
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    own = segments[:, :, None] == segments[:, None, :]
    shared = (segments[:, None, :] == 0) & (positions[:, None, :] < _start(segments, positions)[:, :, None])
    allowed = causal & (own | shared)
    targets, weights, firsts = (
        stack("targets", IGNORED),
        torch.zeros(segments.shape),
        torch.zeros(segments.shape, dtype=torch.bool),
    )
    for index, each in enumerate(rows):
        weight = 1.0 if each.skill in LABEL_SKILLS else _TEXT_WEIGHT.get(each.skill, _USUAL_TEXT_WEIGHT)
        weights[index] = weight
        firsts[index, each.firsts] = True
    weights[targets == IGNORED] = 0.0
    return PackedBatch(
        stack("ids", pad),
        positions,
        allowed[:, None],
        targets,
        weights,
        firsts,
        [each.skill for each in rows],
    )


def _start(segments: Tensor, positions: Tensor) -> Tensor:
    """For each token the position where its suffix begins: shared tokens from there on are masked for it."""
    starts = positions.clone()
    same = segments[:, 1:] == segments[:, :-1]
    first = torch.cat([torch.ones_like(same[:, :1]), ~same], dim=1)
    index = torch.where(first, torch.arange(segments.shape[1]), 0).cummax(dim=1).values
    starts = positions.gather(1, index)
    return torch.where(segments == 0, torch.iinfo(torch.int64).max, starts)


def microbatches(rows: Sequence[Encoded], budget: int) -> list[list[Encoded]]:
    """Split rows, sorted by length, so that no batch has more than `budget` tokens, padding included."""
    groups: list[list[Encoded]] = []
    longest = 0
    for each in sorted(rows, key=lambda one: len(one.ids)):
        longest = len(each.ids)
        if not groups or longest * (len(groups[-1]) + 1) > budget:
            groups.append([])
        groups[-1].append(each)
    return groups
