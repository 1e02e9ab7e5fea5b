"""Attacks on a reward: one file each, with its name, what it says of itself, and how it looks for texts."""

from __future__ import annotations

from rlaif.registry import Registry
from rlaif.workflows.attack.kind import RewardAttack

ATTACKS: Registry[RewardAttack] = Registry(
    noun="attack on a reward",
    group="rlaif.attacks",
    kinds=(RewardAttack,),
    package="rlaif.workflows.attack.kinds",
    attribute="ATTACK",
)
