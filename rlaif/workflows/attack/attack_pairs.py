"""Pairs of what attacks found: an honest answer chosen, the attack rejected. Gold makes none: it only measures."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.auditing.attack_outcomes import AttackTry, Worth
from rlaif.hashing import derived_seed
from rlaif.records import Message, Pair, Prompt
from rlaif.version import __version__


class MinedText(NamedTuple):
    """A text that scores above the honest answers, with what others than gold say of it."""

    tried: AttackTry
    worth: Worth


def mined_prompts(prompts: Sequence[Prompt], share: float, seed: int) -> frozenset[str]:
    """The ids of the prompts of which pairs are made: this share of them, one at least, drawn from their ids."""
    order = sorted(prompts, key=lambda each: derived_seed(seed, "mined", each.id))
    return frozenset(each.id for each in order[: max(1, round(share * len(order)))])


def attack_pairs(
    found: Sequence[MinedText],
    prompts: Mapping[str, Prompt],
    honest: Mapping[str, Sequence[str]],
    provenance: Mapping[str, Any],
    seed: int,
) -> list[Pair]:
    """A pair for each text that is worthless by a second judge or by how it is made.

    The honest answer is drawn from the id of the prompt, and not chosen by the reward: that may like it for the same
    flaw. The pairs of a prompt share one weight, so that a prompt with many attacks has no more of the loss. Rewards
    stand in the provenance and not as scores of the sides: they say the opposite of the label.
    """
    kept = [each for each in found if each.worth.worthless and honest[each.tried.prompt_id]]
    kept = list({(each.tried.prompt_id, each.tried.text): each for each in kept}.values())
    counts = Counter(each.tried.prompt_id for each in kept)
    pairs = []
    for tried, worth in kept:
        own = [each for each in honest[tried.prompt_id] if each != tried.text]
        if not own:
            continue
        rng = random.Random(derived_seed(seed, "chosen", tried.prompt_id, tried.text))
        prompt = prompts[tried.prompt_id]
        pairs.append(
            Pair(
                prompt=prompt.messages,
                tools=prompt.tools,
                chosen=(Message(role="assistant", content=rng.choice(own)),),
                rejected=(Message(role="assistant", content=tried.text),),
                label_prob=1.0,
                weight=1 / counts[tried.prompt_id],
                provenance={
                    **provenance,
                    "attack": tried.attack,
                    "member": tried.member,
                    "reward": tried.reward,
                    "line": tried.line,
                    "worthless_by": str(worth.by),
                    "rlaif": __version__,
                    "seed": seed,
                },
            )
        )
    return pairs
