"""Training: exact token spans, packed batches, losses as free functions, one resumable loop. Knows no judge.

Importing this package loads no torch; the trainers are fetched when they are first named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rlaif.training.configs.distill import DistillConfig
from rlaif.training.configs.dpo import DPOConfig
from rlaif.training.configs.loop import LoopConfig
from rlaif.training.configs.online import (
    GRPOConfig,
    OnlineConfig,
    OnlineDPOConfig,
    PPOConfig,
    RAFTConfig,
    ReSTConfig,
    ReSTEMConfig,
    RLOOConfig,
)
from rlaif.training.configs.process_reward import ProcessRewardConfig
from rlaif.training.configs.reward import RewardConfig
from rlaif.training.configs.sft import SFTConfig
from rlaif.training.configs.thumbs import ThumbsConfig
from rlaif.training.progress import Progress
from rlaif.training.summary import TrainSummary

if TYPE_CHECKING:
    from rlaif.training.distill import train_distill
    from rlaif.training.dpo import train_dpo
    from rlaif.training.online.train import train_online
    from rlaif.training.process_reward import train_process_reward
    from rlaif.training.reward import train_reward
    from rlaif.training.sft import train_sft
    from rlaif.training.thumbs import train_thumbs

__all__ = [
    "DPOConfig",
    "DistillConfig",
    "GRPOConfig",
    "LoopConfig",
    "OnlineConfig",
    "OnlineDPOConfig",
    "PPOConfig",
    "ProcessRewardConfig",
    "Progress",
    "RAFTConfig",
    "RLOOConfig",
    "ReSTConfig",
    "ReSTEMConfig",
    "RewardConfig",
    "SFTConfig",
    "ThumbsConfig",
    "TrainSummary",
    "train_distill",
    "train_dpo",
    "train_online",
    "train_process_reward",
    "train_reward",
    "train_sft",
    "train_thumbs",
]


_TRAINERS = {
    "train_distill": "distill",
    "train_dpo": "dpo",
    "train_online": "online.train",
    "train_process_reward": "process_reward",
    "train_reward": "reward",
    "train_sft": "sft",
    "train_thumbs": "thumbs",
}


def __getattr__(name: str) -> Any:
    if name not in _TRAINERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_TRAINERS[name]}"), name)
