"""Option names of TRL, removed, renamed or never its own, to ours: who writes one is told the right one."""

from __future__ import annotations

_GONE = "TRL removed it too"
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
    "f_divergence_type": "only the reverse KL of DPO is here; remove it",
    "f_alpha_divergence_coef": "only the reverse KL of DPO is here; remove it",
    "center_rewards_coefficient": "write centering",
    "max_prompt_length": f"{_GONE}; prompts are never cut: pairs that do not fit are dropped and counted (max_length)",
    "max_completion_length": f"{_GONE}; write max_length, and truncation: mask to keep the beginnings of long answers",
    "max_target_length": f"{_GONE}; write max_length",
    "truncation_mode": "write truncation: drop or mask; no end of an answer is cut off without being counted",
    "reference_free": f"{_GONE}; write reference: none",
    "ref_model": "write reference: init, previous, none or a model directory",
    "force_use_ref_model": f"{_GONE}; write reference: init, previous, none or a model directory",
    "ref_model_init_kwargs": f"{_GONE}; write reference, a model directory",
    "model_adapter_name": f"{_GONE}; the policy is a directory, an adapter's or a whole model's",
    "ref_adapter_name": f"{_GONE}; write reference: previous: the round before, adapter and all",
    "precompute_ref_log_probs": "remove it: they are always computed before, once, and kept",
    "precompute_ref_batch_size": "remove it, or write batch_tokens, the tokens of a pass",
    "sync_ref_model": "references do not move within a training; play rounds with reference: previous",
    "ref_model_mixup_alpha": "references do not move within a training; play rounds with reference: previous",
    "ref_model_sync_steps": "references do not move within a training; play rounds with reference: previous",
    "padding_free": "remove it: rows are packed by default (in TRL it does nothing for DPO)",
    "packing": "remove it: rows are packed by default; packed: false is the slow way",
    "use_logits_to_keep": f"{_GONE}; the head runs on completion tokens only",
    "use_liger_kernel": "remove it: full logits are never kept",
    "label_pad_token_id": f"{_GONE}; remove it",
    "pad_token": "remove it: padding is never read",
    "generate_during_eval": f"{_GONE}; measure with a step evaluate",
    "is_encoder_decoder": f"{_GONE}; only decoders are trained",
    "disable_dropout": "remove it: dropout is off, for the reference must be exact",
    "num_train_epochs": "write epochs",
    "max_steps": "write steps",
    "per_device_train_batch_size": "write batch_size, the pairs of a step over all processes and passes",
    "gradient_accumulation_steps": "write batch_size; a step takes as many passes as batch_tokens asks for",
    "lr_scheduler_type": "write schedule: linear, cosine, constant or wsd",
    "warmup_ratio": "write warmup_share",
    "warmup_steps": "write warmup_share, a share of the steps",
    "max_grad_norm": "write clip_norm",
    "save_steps": "write checkpoint_every",
    "bf16": "write precision: bf16",
    "report_to": "write trackers",
    "peft_config": "write lora",
    "lora_r": "write lora, the rank",
    "use_peft": "write lora",
    "output_dir": "write --out",
    "learning_rate_scheduler": "write schedule",
}
"""TRL's name -> what to write here."""


def renamed(name: str) -> str | None:
    """What to write in the place of a name of TRL's, or None."""
    hint = RENAMED.get(name.replace("-", "_"))
    return None if hint is None else f"{name!r} is a name of TRL's: {hint}"
