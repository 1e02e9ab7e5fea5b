"""Names that options take, asked of the registries when they are needed: those of other packages are among them."""

from __future__ import annotations

from collections.abc import Sequence


def protocol_names() -> Sequence[str]:
    """All protocols."""
    from rlaif.judging.protocols import PROTOCOLS

    return PROTOCOLS.names()


def policy_names() -> Sequence[str]:
    """How names of models begin, and the bundled models."""
    from rlaif.engines.kinds import ENGINES
    from rlaif.shipped import MODELS

    return [*MODELS, *(f"{each}:" for each in ENGINES.names())]


def judge_names() -> Sequence[str]:
    """How names of judges begin: those of models, of further kinds of judges, and registered rewards."""
    from rlaif.judging.kinds import JUDGES
    from rlaif.judging.rewards import REWARDS

    kinds = [f"{each}:" for each in JUDGES.names()]
    models = policy_names()
    return [*models, *(each for each in [*kinds, *REWARDS.names()] if each not in models)]


def attack_names() -> Sequence[str]:
    """All families of attacks on a judge."""
    from rlaif.auditing.attacks import FAMILIES

    return list(FAMILIES)
