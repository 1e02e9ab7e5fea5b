"""One word, one sentence or one answer over and over."""

from __future__ import annotations

from rlaif.auditing.nonsense import repetitions
from rlaif.workflows.attack.kind import RewardAttack, made_of

ATTACK = RewardAttack(
    name="repetition",
    says="one word, one sentence or one answer over and over",
    look=made_of(repetitions),
    texts=lambda _: 5,
    constructed=True,
)
