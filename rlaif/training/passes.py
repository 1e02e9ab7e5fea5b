"""Which rows of a step a process reads in which forward pass: about so many tokens a pass, rows of like size together.

Parts of a step's loss are parts of means over the whole step, so that passes and processes may cut it as they like.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rlaif.libraries.transformers import text_config
from rlaif.training.configs.loop import LoopConfig
from rlaif.training.packing import Tree, split

CPU_TOKENS, WIDE_CPU_TOKENS, DEVICE_TOKENS = 2048, 1024, 16384
WIDE = 512
"""From this width on, what a pass keeps for its backward pass is the larger part of a step's memory on a CPU."""


CPU_LOGITS, DEVICE_LOGITS = 1 << 26, 1 << 28
"""Logits of a pass at most where all are kept: about six arrays of so many numbers are alive at once."""


def tokens_a_pass(config: LoopConfig, scorer: Any) -> int:
    """The configured number, or one that suits the scorer's device, width, and what it keeps of a token."""
    if config.batch_tokens:
        return config.batch_tokens
    shape, on_cpu = text_config(scorer.model.config), next(scorer.parameters()).device.type == "cpu"
    usual = DEVICE_TOKENS
    if on_cpu:
        usual = WIDE_CPU_TOKENS if getattr(shape, "hidden_size", 0) >= WIDE else CPU_TOKENS
    if not getattr(scorer, "distributions", False):
        return usual
    return max(1, min(usual, (CPU_LOGITS if on_cpu else DEVICE_LOGITS) // int(shape.vocab_size)))


class Pass(NamedTuple):
    """Rows (places in the step) that are read together."""

    members: list[int]
    share: float
    """1, or 0 where a process has no row of its own and goes along on another's."""


def plan(
    trees: Sequence[Tree], process: int, processes: int, batch_tokens: int, *, even: bool = False
) -> list[Pass]:
    """The passes of one process; with `even`, as many as the process with the most has.

    Sharded weights are gathered by all processes together, for each pass of each.
    """
    passes = _own(trees, process, processes, batch_tokens)
    if even:
        most = max(len(_own(trees, each, processes, batch_tokens)) for each in range(processes))
        passes += [Pass(passes[0].members, 0.0)] * (most - len(passes))
    return passes


def _own(trees: Sequence[Tree], process: int, processes: int, batch_tokens: int) -> list[Pass]:
    mine = list(range(process, len(trees), processes))
    share = 1.0 if mine else 0.0
    mine = mine or [0]
    groups = split([trees[place] for place in mine], batch_tokens)
    return [Pass(sorted(mine[index] for index in group), share) for group in groups]
