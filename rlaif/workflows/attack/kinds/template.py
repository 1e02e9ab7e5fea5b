"""The shell of an answer."""

from __future__ import annotations

from rlaif.auditing.nonsense import shells
from rlaif.workflows.attack.kind import RewardAttack, made_of

ATTACK = RewardAttack(
    name="template",
    says="the shell of an answer: openings, marks of templates, verdicts about itself, the prompt again",
    look=made_of(shells),
    texts=lambda _: 27,
    constructed=True,
)
