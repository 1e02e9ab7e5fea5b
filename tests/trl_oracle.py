"""The one place that knows what is private, undocumented or moving in TRL, our oracle in tests and benchmarks.

Its trainers are driven by hand: a batch by the collator, a loss with its figures, data that is already token ids. The
experimental trainers (CPO, ORPO) are made without data, as only their losses are compared.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import zip_longest
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


GRPO_SETTINGS: dict[str, Any] = {
    "loss_type": "grpo",
    "epsilon_low": 0.2,
    "epsilon_high": 0.2,
    "beta": 0.0,
    "importance_sampling_level": "token",
    "off_policy_mask_threshold": None,
    "top_entropy_quantile": 1.0,
    "use_vllm": False,
    "vllm_importance_sampling_correction": True,
    "max_completion_length": 1,
    "current_gradient_accumulation_steps": 1,
    "_entropy_bonus_enabled": False,
}
"""What GRPOTrainer's and RLOOTrainer's losses read of themselves."""


def policy_loss(
    kind: type, logps: torch.Tensor, inputs: Mapping[str, torch.Tensor], *, delta: float | None = None,
    use_bias_correction_kl: bool = False, **settings: Any,
) -> tuple[torch.Tensor, dict[str, float]]:  # fmt: skip
    """The loss code of GRPOTrainer or RLOOTrainer on given (answers, tokens) log-probabilities, and its figures."""
    trainer = bare(
        kind,
        **{**GRPO_SETTINGS, **settings},
        model=torch.nn.Identity().train(),
        args=SimpleNamespace(
            delta=delta, use_bias_correction_kl=use_bias_correction_kl, steps_per_generation=1
        ),
        _metrics={"train": defaultdict(list)},
        _get_per_token_logps_and_entropies=lambda *_, **__: (logps, torch.zeros_like(logps), None),
    )
    ids = torch.zeros_like(logps, dtype=torch.long)
    prompts = {"prompt_ids": ids[:, :1], "prompt_mask": ids[:, :1] + 1, "completion_ids": ids}
    items = {"num_items_in_batch": inputs["completion_mask"].sum()}
    loss = trainer._compute_loss(trainer.model, {**prompts, **items, **inputs})
    return loss, {name: values[-1] for name, values in trainer._metrics["train"].items()}


def own_statements(function: Any, first: str, last: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """What a function's own statements leave, from that which assigns `first` to `last` (none: to the block's end).

    For code of TRL that computes on tensors in the midst of a method that generates, scores and gathers.
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    for node in ast.walk(tree):
        block = getattr(node, "body", None)
        assigned = [_assigned(each) for each in block] if isinstance(block, list) else []
        if first in assigned and (not last or last in assigned):
            end = assigned.index(last) + 1 if last else len(assigned)
            code = compile(ast.Module(block[assigned.index(first) : end], []), "<trl>", "exec")
            held = {**vars(sys.modules[function.__module__]), **names}
            exec(code, held)
            return held
    raise LookupError(f"{function.__qualname__} assigns no `{first}` before `{last}`")


def _assigned(node: ast.stmt) -> str:
    """The name that a statement gives a value, as it stands in the code."""
    return ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else ""


def advantages(
    kind: type, rewards: torch.Tensor, generations: int, *, weights: Sequence[float], **names: Any
) -> torch.Tensor:
    """Advantages that GRPOTrainer or RLOOTrainer makes of (answers, functions) rewards, NaN where there is none."""
    self = SimpleNamespace(
        **{
            "reward_weights": torch.tensor(weights, dtype=rewards.dtype),
            "reward_funcs": list(weights),
            "scale_rewards": "group",
            "multi_objective_aggregation": "sum_then_normalize",
            "reward_clip_range": None,
            "beta": 0.0,
            "normalize_advantages": False,
            "accelerator": SimpleNamespace(process_index=0),
            **names,
        }
    )
    given = {"self": self, "rewards_per_func": rewards, "num_generations": generations, "device": "cpu"}
    kl = {
        name: names[name]
        for name in ("old_per_token_logps", "ref_per_token_logps", "completion_mask")
        if name in names
    }
    prompts = {"prompts": [""] * len(rewards), "gather": lambda each: each}
    source = kind._generate_and_score_completions
    found = own_statements(source, "unscorable_mask", "all_process_advantages", {**given, **kl, **prompts})
    return torch.as_tensor(found["advantages"])


def sampler_ratios(
    old: torch.Tensor,
    sampled: torch.Tensor,
    mask: torch.Tensor,
    *,
    mode: str,
    most: float,
    least: float | None,
) -> torch.Tensor:
    """GRPOTrainer's weights of the mismatch between the trainer and the program that sampled."""
    self = SimpleNamespace(
        vllm_importance_sampling_mode=mode,
        vllm_importance_sampling_clip_max=most,
        vllm_importance_sampling_clip_min=least,
    )
    names = {"self": self, "old_per_token_logps": old, "sampling_per_token_logps": sampled}
    source = trl.GRPOTrainer._generate_and_score_completions
    given = {"completion_mask": mask, "tool_mask": None}
    found = own_statements(source, "per_token_logps_diff", "", {**names, **given, "mask": mask})
    return torch.as_tensor(found["vllm_importance_sampling_ratio"])


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


class HandedGRPO(trl.GRPOTrainer):  # type: ignore[misc]
    """Its GRPO trainer, whose rollouts are drawn as ever and then given other tokens, and which says what it is at.

    `handed` gives the answers of each prompt's token ids; `clock` is entered with "rollouts" and "reference".
    """

    handed: Mapping[tuple[int, ...], Sequence[Sequence[int]]]
    clock: Any

    def _generate_single_turn(self, prompt_ids: Any, *given: Any, **named: Any) -> Any:
        groups: dict[tuple[int, ...], int] = {}
        wanted = []
        for ids in map(tuple, prompt_ids):
            number = groups[ids] = groups.get(ids, -1) + 1
            wanted.append(self.handed[ids][number])
        usual, columns = torch.multinomial, iter(zip_longest(*wanted, fillvalue=0))

        def other(probabilities: torch.Tensor, num_samples: int) -> torch.Tensor:
            usual(probabilities, num_samples=num_samples)
            return torch.tensor(next(columns), device=probabilities.device)[:, None]

        torch.multinomial = other
        try:
            return super()._generate_single_turn(prompt_ids, *given, **named)
        finally:
            torch.multinomial = usual

    def _generate(self, prompts: Any) -> Any:
        with self.clock("rollouts"):
            return super()._generate(prompts)

    def _get_per_token_logps_and_entropies(self, model: Any, *given: Any, **named: Any) -> Any:
        with self.clock("reference") if model is self.ref_model else nullcontext():
            return super()._get_per_token_logps_and_entropies(model, *given, **named)
