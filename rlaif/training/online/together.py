"""Which prompts a step draws for, where some belong together: both orders of a comparison come in one step.

Prompts with one value in the column `together` of their rows are a block, and blocks are taken as single prompts are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rlaif.hashing import canonical_json
from rlaif.records import TOGETHER, Prompt
from rlaif.training.configs.loop import LoopConfig
from rlaif.training.order import Order

NAME = "prompts"


@dataclass(frozen=True, slots=True)
class BlockOrder:
    """Rows of each step, block by block."""

    blocks: Sequence[Sequence[int]]
    order: Order
    """Of the blocks."""
    batch_size: int
    """Rows of a step at most."""

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return self.order.steps

    def rows(self, step: int) -> list[int]:
        """Rows of `step`, which counts from 0."""
        return [row for block in self.order.rows(step) for row in self.blocks[block]]


def prompt_order(config: LoopConfig, prompts: Sequence[Prompt]) -> Order | BlockOrder:
    """The order in which a training draws for its prompts.

    A step has as many blocks as fit into `config.batch_size` prompts if all were as large as the largest, at least one.
    """
    blocks = _blocks(prompts)
    largest = max(map(len, blocks), default=1)
    if largest == 1:
        return Order.of(config, len(prompts), NAME)
    order = Order.plan(
        len(blocks),
        batch_size=max(1, config.batch_size // largest),
        steps=config.steps,
        epochs=config.epochs,
        seed=config.seed,
        name=NAME,
    )
    return BlockOrder(blocks, order, order.batch_size * largest)


def _blocks(prompts: Sequence[Prompt]) -> list[list[int]]:
    found: dict[str, list[int]] = {}
    for place, each in enumerate(prompts):
        named = each.meta.get(TOGETHER)
        key = f"alone {place}" if named is None else f"block {canonical_json(named)}"
        found.setdefault(key, []).append(place)
    return list(found.values())
