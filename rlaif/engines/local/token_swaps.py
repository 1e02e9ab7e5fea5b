"""Tokens of an answer that a reward model would rather read, by the gradient of its reward: HotFlip, GCG.

The change of the reward when token i becomes v is, to first order, (e_v - e_i) . dr/de_i (HotFlip, 1712.06751). Texts
are drawn among the best such swaps, as in GCG (2307.15043); whoever asks then scores each of them exactly.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rlaif.engines.chat_template import Chat
from rlaif.libraries.transformers import read_rows

Ids = Sequence[int]


class SwapGains(NamedTuple):
    """For each place of an answer what the reward would gain by each token there, to first order."""

    ids: list[int]
    """The tokens of the answer, L of them."""
    gain_LV: Tensor
    """-inf for the token that stands there."""


def swap_gains(model: Any, row: Ids, start: int, length: int) -> SwapGains:
    """The first-order gains of all swaps in a stretch of one row.

    Args:
        model: a classifier whose first logit is the reward.
        row: token ids of prompt and answer.
        start: where the answer begins.
        length: how many tokens it has.
    """
    table = model.get_input_embeddings()
    held: list[Tensor] = []

    def keep(_: Any, __: Any, embedded: Tensor) -> Tensor:
        held.append(embedded.detach().requires_grad_(True))
        return held[-1]

    ids = torch.tensor([list(row)], device=model.device)
    hook = table.register_forward_hook(keep)
    try:
        # the caller may be in inference mode, which keeps no graph
        with torch.inference_mode(False), torch.enable_grad():
            ids = ids.clone()
            reward = read_rows(model, ids, torch.ones_like(ids))[0, 0]
            [slope_1TD] = torch.autograd.grad(reward.float(), held[:1])
    finally:
        hook.remove()
    own = list(row[start : start + length])
    slope_LD = slope_1TD[0, start : start + length].float()
    weight_VD = table.weight.detach().float()
    gain_LV = slope_LD @ weight_VD.T
    places = torch.arange(length, device=gain_LV.device)
    gain_LV = gain_LV - gain_LV[places, own][:, None]
    gain_LV[places, own] = -torch.inf
    return SwapGains(own, gain_LV.cpu())


def swapped_texts(
    gains: SwapGains, chat: Chat, *, allowed: Sequence[int], count: int, top: int, seed: int
) -> list[str]:
    """Distinct texts with one token swapped, drawn among the best swaps of each place.

    Args:
        gains: of the answer as it stands.
        chat: decodes.
        allowed: tokens that may be put in: `plain_tokens`.
        count: how many texts at most.
        top: among how many tokens of each place is drawn.
        seed: of the draw.
    """
    usable = torch.tensor(sorted(allowed))
    best_LK = usable[gains.gain_LV[:, usable].topk(min(top, len(usable)), dim=1).indices].tolist()
    rng = random.Random(seed)
    swaps = [(place, token) for place, own in enumerate(best_LK) for token in own]
    rng.shuffle(swaps)
    found: dict[str, None] = {}
    for place, token in swaps:
        if len(found) == count:
            break
        text = chat.decode([*gains.ids[:place], token, *gains.ids[place + 1 :]])
        if text.strip():
            found.setdefault(text)
    return list(found)


def plain_tokens(tokenizer: Any, size: int) -> list[int]:
    """The tokens that are text: no mark of a template, no half of a letter, nothing beyond the embedding's `size`."""
    marks = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    texts = tokenizer.batch_decode([[each] for each in range(min(size, len(tokenizer)))])
    return [token for token, text in enumerate(texts) if token not in marks and text and "\ufffd" not in text]


def place_of(part: Ids, row: Ids) -> int | None:
    """Where the tokens of an answer stand in a row, the last place; None where its template wrote them otherwise."""
    size = len(part)
    for start in range(len(row) - size, -1, -1):
        if list(row[start : start + size]) == list(part):
            return start
    return None
