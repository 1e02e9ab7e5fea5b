"""Pairs and examples as trees: one prompt, and what goes on from it."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.training.packing import Tree
from rlaif.training.tokens import Ids, Part, TokenExample, TokenPair


def pair_tree(pair: TokenPair) -> Tree:
    """The prompt with its two answers, chosen first, and what is learned of them."""
    return _tree(pair.prompt, [(pair.chosen, pair.chosen_parts), (pair.rejected, pair.rejected_parts)])


def whole_tree(pair: TokenPair) -> Tree:
    """The prompt with its two answers as they end, for whoever reads a side at its last token."""
    return Tree(pair.prompt, (pair.chosen, pair.rejected))


def example_tree(example: TokenExample) -> Tree:
    """The prompt with the answer, and what is learned of it."""
    return _tree(example.prompt, [(example.answer, example.parts)])


def mismatched_tree(prompt: Ids, pair: TokenPair, room: int) -> Tree:
    """The answers of `pair` to another prompt, behind which they have `room`; they are cut to it."""
    return _behind(prompt, pair_tree(pair), room)


def mismatched_example(prompt: Ids, example: TokenExample, room: int) -> Tree:
    """The answer of `example` to another prompt, cut to `room`."""
    return _behind(prompt, example_tree(example), room)


def _behind(prompt: Ids, tree: Tree, room: int) -> Tree:
    return Tree(
        prompt,
        tuple(each[:room] for each in tree.branches),
        tuple(each[:room] for each in tree.learned),
        tree.answers,
    )


def _tree(prompt: Ids, sides: Sequence[tuple[Ids, tuple[Part, ...]]]) -> Tree:
    if not any(parts for _, parts in sides):
        return Tree(prompt, tuple(ids for ids, _ in sides))
    held = [(side, each) for side, (ids, parts) in enumerate(sides) for each in parts or (Part(ids),)]
    learned = tuple(part.learned for _, part in held)
    answers = tuple(side for side, _ in held)
    return Tree(
        prompt,
        tuple(part.ids for _, part in held),
        learned if any(learned) else (),
        answers if len(held) > len(sides) else (),
    )
