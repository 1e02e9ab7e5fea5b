"""The one place that knows what is private, undocumented or moving in TRL, our oracle in tests and benchmarks.

Its trainers are driven by hand: a batch by the collator, a loss with its figures, data that is already token ids. The
experimental trainers (CPO, ORPO) are made without data, as only their losses are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch
import trl
from accelerate import Accelerator
from torch.utils.data import SequentialSampler
from trl.data_utils import extract_prompt, maybe_extract_prompt
from trl.experimental.cpo import CPOTrainer
from trl.experimental.gkd import GKDTrainer
from trl.experimental.orpo import ORPOTrainer

__all__ = ["CPOTrainer", "ORPOTrainer", "extract_prompt", "maybe_extract_prompt", "trl"]

GIVEN_IDS = ("prompt_ids", "chosen_ids", "rejected_ids")
"""Columns that its DPO trainer makes of a row, and reads."""


def first_batch(trainer: Any, count: int) -> Any:
    """The first rows of a trainer's data as its collator hands them to the loss."""
    return trainer.data_collator([trainer.train_dataset[row] for row in range(count)])


def loss_of(trainer: Any, batch: Any) -> tuple[torch.Tensor, dict[str, float]]:
    """A trainer's loss of a batch, in training mode, and the figures that it would log for it."""
    loss = trainer.compute_loss(trainer.model.train(), batch)
    return loss, {name: values[-1] for name, values in trainer._metrics["train"].items()}


def generalized_jsd(own: torch.Tensor, held: torch.Tensor, beta: float) -> torch.Tensor:
    """(tokens,) GKD's divergence of a student's logits from a teacher's, both (tokens, vocabulary)."""
    found = GKDTrainer.generalized_jsd_loss(own[None], held[None], beta=beta, reduction="none")
    return torch.as_tensor(found).reshape(len(own), -1).sum(-1)


def bare(trainer: type, **attributes: Any) -> Any:
    """An experimental trainer with what its loss reads and no data: its tokenisation is not what is compared."""
    made = object.__new__(trainer)
    common = {"is_encoder_decoder": False, "aux_loss_enabled": False, "accelerator": Accelerator(cpu=True)}
    for name, value in {**common, **attributes}.items():
        object.__setattr__(made, name, value)
    return made


def bare_loss(trainer: Any, model: Any, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, Any]:
    """The loss of an experimental trainer made by `bare`, and its figures."""
    loss, figures = trainer.get_batch_loss_metrics(model, batch)
    return loss, figures


def in_order(kind: type) -> type:
    """A trainer that takes its rows as they come."""

    class InOrder(kind):  # type: ignore[misc, valid-type]
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return SequentialSampler(train_dataset or self.train_dataset)

    return InOrder


def prepared(kind: type) -> type:
    """A trainer whose rows are token ids already, with the reference's sums beside them."""

    class Prepared(kind):  # type: ignore[misc, valid-type]
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

        def _precompute_ref_logps(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    return Prepared


def dpo_ids(tokenizer: Any, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """Ids of prompt, chosen, rejected as its DPO trainer prepares them."""
    from datasets import Dataset

    told = SimpleNamespace(dataset_num_proc=None, max_length=None, truncation_mode="keep_start")
    trainer = SimpleNamespace(_tokenizer=tokenizer)
    made = trl.DPOTrainer._prepare_dataset(
        trainer, Dataset.from_list([dict(row) for row in rows]), tokenizer, told, "train"
    )
    return list(zip(*(made[name] for name in GIVEN_IDS), strict=True))


class Watched(trl.GRPOTrainer):  # type: ignore[misc]
    """Its GRPO trainer, which keeps what each function gave and the advantages that came of it, step by step."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.steps: list[tuple[torch.Tensor, torch.Tensor]] = []
        """(rewards (rows, functions), NaN where there is none; advantages (rows,)) of each batch of rollouts."""

    def _calculate_rewards(self, *given: Any, **named: Any) -> torch.Tensor:
        self._found = super()._calculate_rewards(*given, **named)
        return torch.as_tensor(self._found)

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        made = super()._generate_and_score_completions(inputs)
        self.steps.append((self._found.clone(), made["advantages"].clone()))
        return made
