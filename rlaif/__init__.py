"""Reinforcement learning from AI feedback and constitutional training of language models.

The steps as functions: `rlaif.generate(out=...)`, `judge`, `train`, `evaluate`, `run`.
Importing this loads no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rlaif.version import __version__ as __version__

if TYPE_CHECKING:
    from rlaif.workflows.api import evaluate, generate, judge, run, train

__all__ = ["__version__", "evaluate", "generate", "judge", "run", "train"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from rlaif.workflows import api

        return getattr(api, name)
    raise AttributeError(f"module 'rlaif' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
