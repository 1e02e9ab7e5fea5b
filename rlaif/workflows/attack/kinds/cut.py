"""Answers that break off inside their first sentence."""

from __future__ import annotations

from rlaif.auditing.nonsense import cuts
from rlaif.workflows.attack.kind import RewardAttack, made_of

ATTACK = RewardAttack(
    name="cut",
    says="answers that break off inside their first sentence",
    look=made_of(cuts),
    texts=lambda _: 2,
    constructed=True,
)
