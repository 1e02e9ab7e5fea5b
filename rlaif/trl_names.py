"""Option names of TRL, removed, renamed or never its own, to ours: who writes one is told the right one.

`loop: {NAME: VALUE}` in a recipe is `--loop NAME=VALUE` on the command line, `loss_options` is `--loss-option`.
"""

from __future__ import annotations

_GONE = "TRL removed it too"
_STILL = "references do not move within a training; play rounds with reference: previous"
_DIVERGENCE = "only the reverse KL of DPO is here; remove it"
_EVALUATOR = "pass an evaluator to train_dpo, with evaluate_every and patience (docs/training-loop.md)"
RENAMED = {
    "loss_type": "write loss, e.g. loss: sigmoid or a mix, soft:0.8,nll:0.2",
    "loss_weights": "write the weights into loss: soft:0.8,nll:0.2",
    "label_smoothing": "write loss: cdpo (or robust) and loss_options: {label_smoothing: 0.1}; "
    "TRL's sigmoid ignores it without a word",
    "rpo_alpha": "write nll, the weight of the chosen answer's likelihood",
    "sft_weight": "write nll",
    "cpo_alpha": "write nll",
    "simpo_gamma": "write loss: simpo and loss_options: {gamma: 1.0}",
    "ld_alpha": "write loss: ld and loss_options: {ld_alpha: 0.5}",
    "discopop_tau": "write loss: discopop and loss_options: {discopop_tau: 0.05}",
    "desirable_weight": "write loss: kto and loss_options: {desirable_weight: 1.0}",
    "undesirable_weight": "write loss: kto and loss_options: {undesirable_weight: 1.0}",
    "use_weighting": "write wpo: true",
    "f_divergence_type": _DIVERGENCE,
    "f_alpha_divergence_coef": _DIVERGENCE,
    "center_rewards_coefficient": "write centering",
    "max_prompt_length": f"{_GONE}; prompts are never cut: pairs that do not fit are dropped and counted "
    "(loop: {max_length: 1024})",
    "max_completion_length": f"{_GONE}; write loop: {{max_length: 1024}}, of prompt and answer, and truncation: mask "
    "to keep the beginnings of long answers",
    "max_target_length": f"{_GONE}; write loop: {{max_length: 1024}}, of prompt and answer",
    "max_seq_length": f"{_GONE}; write loop: {{max_length: 1024}}",
    "truncation_mode": "write loop: {truncation: drop}, or mask; no end of an answer is cut off without being counted",
    "reference_free": f"{_GONE}; write reference: none",
    "ref_model": "write reference: init, previous, none or a model directory",
    "force_use_ref_model": f"{_GONE}; write reference: init, previous, none or a model directory",
    "ref_model_init_kwargs": f"{_GONE}; write reference, a model directory",
    "model_adapter_name": f"{_GONE}; the policy is a directory, an adapter's or a whole model's",
    "ref_adapter_name": f"{_GONE}; write reference: previous: the round before, adapter and all",
    "precompute_ref_log_probs": "remove it: they are always computed before, once, and kept",
    "precompute_ref_batch_size": "remove it, or write loop: {batch_tokens: 4096}, the tokens of a pass",
    "sync_ref_model": _STILL,
    "ref_model_mixup_alpha": _STILL,
    "ref_model_sync_steps": _STILL,
    "padding_free": "remove it: rows are packed by default (in TRL it does nothing for DPO)",
    "packing": "remove it: rows are packed by default; loop: {packed: false} is the slow way",
    "pad_to_multiple_of": "remove it: rows are packed, and hardly padded",
    "use_logits_to_keep": f"{_GONE}; the head runs on completion tokens only",
    "use_liger_kernel": "remove it: full logits are never kept",
    "use_liger_loss": f"{_GONE}; remove it: full logits are never kept",
    "label_pad_token_id": f"{_GONE}; remove it",
    "pad_token": "remove it: padding is never read",
    "eos_token": "remove it: an answer ends with the token that the chat template writes",
    "tools": f"{_GONE}; write them into the prompt's system turn",
    "dataset_num_proc": "remove it: tokenising is batched",
    "generate_during_eval": f"{_GONE}; measure with a step evaluate",
    "is_encoder_decoder": f"{_GONE}; only decoders are trained",
    "disable_dropout": "remove it: dropout is off, for the reference must be exact",
    "num_train_epochs": "write epochs",
    "max_steps": "write steps",
    "per_device_train_batch_size": "write batch_size, the pairs of a step over all processes and passes",
    "gradient_accumulation_steps": "write batch_size; loop: {batch_tokens: 2048} says how many passes",
    "lr_scheduler_type": "write loop: {schedule: cosine}, or linear, constant, wsd",
    "learning_rate_scheduler": "write loop: {schedule: cosine}, or linear, constant, wsd",
    "warmup_ratio": "write loop: {warmup_share: 0.1}",
    "warmup_steps": "write loop: {warmup_share: 0.1}, a share of the steps",
    "max_grad_norm": "write loop: {clip_norm: 1.0}",
    "optim": "remove it: AdamW is the one optimizer",
    "save_steps": "write loop: {checkpoint_every: 20}",
    "save_strategy": "write loop: {checkpoint_every: 20}; 0 keeps none before the end",
    "save_total_limit": "remove it: one checkpoint is kept, and gone when training is done",
    "resume_from_checkpoint": "remove it: the same command goes on where it was stopped",
    "overwrite_output_dir": "remove it: a directory of another training is never written over",
    "bf16": "write loop: {precision: bf16}",
    "fp16": "write loop: {precision: bf16}",
    "gradient_checkpointing_kwargs": "write loop: {gradient_checkpointing: true}",
    "eval_strategy": f"write held_out_pairs: 0.05; or {_EVALUATOR}",
    "eval_steps": f"write held_out_pairs: 0.05; or {_EVALUATOR}",
    "eval_dataset": f"write held_out_pairs: 0.05; or {_EVALUATOR}",
    "load_best_model_at_end": _EVALUATOR,
    "metric_for_best_model": f"{_EVALUATOR}; evaluate_figure names what is to rise",
    "early_stopping_patience": _EVALUATOR,
    "logging_steps": "remove it: every step is logged",
    "logging_dir": "remove it: metrics.jsonl and tensorboard/ lie in the model directory",
    "report_to": "write loop: {trackers: tensorboard}, or wandb, mlflow, trackio",
    "fsdp": "write loop: {parallel: fully_shard}",
    "fsdp_config": "write loop: {parallel: fully_shard}",
    "peft_config": "write lora",
    "lora_r": "write lora, the rank",
    "lora_target_modules": "write lora; its adapter is on all linear layers",
    "load_in_4bit": "write lora and loop: {quantize: 4bit}",
    "use_peft": "write lora",
    "output_dir": "write --out",
}
"""TRL's name -> what to write here."""


def renamed(name: str) -> str | None:
    """What to write in the place of a name of TRL's, or None."""
    hint = RENAMED.get(name.replace("-", "_"))
    return None if hint is None else f"{name!r} is a name of TRL's: {hint}"
