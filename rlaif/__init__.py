"""Reinforcement learning from AI feedback and constitutional training of language models.

The commands are functions: `generate`, `judge`, `judge_check`, `train`, `evaluate`, `run`, `audit`; `reward` gives a
judge to other trainers. What they read and make are the nouns beside them: `Prompt`, `Completion`, `Pair`,
`Constitution` ... Judges, models and protocols of your own: `register`. Importing this loads nothing; each name is
loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module

from rlaif.version import __version__

TYPE_CHECKING = False  # as in typing, which takes a third of the time until an interruption can be met

if TYPE_CHECKING:
    from rlaif import register
    from rlaif.constitution import load_constitution
    from rlaif.engines.open import open_engine
    from rlaif.errors import InputError, RlaifError
    from rlaif.exchange.completions import read_completions
    from rlaif.exchange.pairs import read_pairs
    from rlaif.exchange.prompts import read_prompts
    from rlaif.judging.judge_reward import EnsembleReward, RewardPart, WeightedReward
    from rlaif.records import (
        Completion,
        Constitution,
        Judgment,
        Message,
        Pair,
        Principle,
        Prompt,
        Reward,
        State,
    )
    from rlaif.workflows.api import (
        audit,
        evaluate,
        generate,
        judge,
        judge_check,
        open_judge,
        reward,
        run,
        train,
    )

__all__ = [
    "Completion",
    "Constitution",
    "EnsembleReward",
    "InputError",
    "Judgment",
    "Message",
    "Pair",
    "Principle",
    "Prompt",
    "Reward",
    "RewardPart",
    "RlaifError",
    "State",
    "WeightedReward",
    "__version__",
    "audit",
    "evaluate",
    "generate",
    "judge",
    "judge_check",
    "load_constitution",
    "open_engine",
    "open_judge",
    "read_completions",
    "read_pairs",
    "read_prompts",
    "register",
    "reward",
    "run",
    "train",
]

if not TYPE_CHECKING:  # to a type checker a name that is not above is an error
    _HOMES = {
        "rlaif.constitution": ("load_constitution",),
        "rlaif.engines.open": ("open_engine",),
        "rlaif.errors": ("InputError", "RlaifError"),
        "rlaif.exchange.completions": ("read_completions",),
        "rlaif.exchange.pairs": ("read_pairs",),
        "rlaif.exchange.prompts": ("read_prompts",),
        "rlaif.judging.judge_reward": ("EnsembleReward", "RewardPart", "WeightedReward"),
        "rlaif.records": (
            *("Completion", "Constitution", "Judgment", "Message", "Pair", "Principle", "Prompt", "Reward"),
            "State",
        ),
        "rlaif.workflows.api": (
            *(
                "audit",
                "evaluate",
                "generate",
                "judge",
                "judge_check",
                "open_judge",
                "reward",
                "run",
                "train",
            ),
        ),
    }

    def __getattr__(name):
        if name == "register":
            return import_module("rlaif.register")
        home = next((module for module, names in _HOMES.items() if name in names), None)
        if home is None:
            raise AttributeError(f"module 'rlaif' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(home), name)
        return value


def __dir__() -> list[str]:
    return __all__
