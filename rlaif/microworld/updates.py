"""One step of training the family: the model's shape, its optimizers, the loss over packed rows, the update."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from rlaif.libraries.torch import multiplies_bfloat16
from rlaif.microworld.packed import IGNORED, PackedBatch, collate, microbatches

MICROBATCH_TOKENS = 3_072
"""Tokens of a micro-batch. Small, so that rows of similar length meet: a step has rows of 60 and of 600 tokens."""
PEAK_LR = 2e-3


def new_model(vocabulary: int, seed: int) -> Any:
    """The family's shape: Llama, at most 2 M parameters."""
    from rlaif.libraries.transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=160, intermediate_size=400, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=1024, tie_word_embeddings=True, pad_token_id=0, eos_token_id=1,
        bos_token_id=None, initializer_range=0.04, attn_implementation="sdpa",
    )  # fmt: skip
    return LlamaForCausalLM(config)


def optimizers(model: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon on the hidden matrices, AdamW on the embedding and the norms (about twice as quick here as AdamW alone)."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    rest = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(
            matrices, lr=PEAK_LR, weight_decay=0.02, momentum=0.95, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(rest, lr=PEAK_LR, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def wide_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Attention in float32 inside an autocast region: on a CPU its kernel is slower in bfloat16."""
    with torch.autocast(query.device.type, enabled=False):
        found = nn.functional.scaled_dot_product_attention(
            query.float(), key.float(), value.float(), attn_mask=mask, scale=options.get("scaling")
        )
    return found.transpose(1, 2).contiguous(), None


def use_wide_attention(model: Any) -> None:
    """Make `model` use `wide_attention` in all its layers."""
    from rlaif.libraries.transformers import register_attention, set_attention

    register_attention("wide", wide_attention)
    set_attention(model, "wide")


def losses(model: Any, batch: PackedBatch) -> tuple[Tensor, Tensor, list[tuple[str, Tensor]]]:
    """Weighted loss, its weight, and for each label skill whether the first answer tokens were right."""
    chosen = batch.targets_NL != IGNORED
    with torch.autocast(
        batch.ids_NL.device.type, torch.bfloat16, enabled=multiplies_bfloat16(batch.ids_NL.device)
    ):
        hidden = model.model(
            input_ids=batch.ids_NL,
            attention_mask=batch.allowed_N1LL,
            position_ids=batch.positions_NL,
            use_cache=False,
        ).last_hidden_state
        logits = model.lm_head(hidden[chosen])
    logits = logits.float()
    targets = batch.targets_NL[chosen]
    each = nn.functional.cross_entropy(logits, targets, reduction="none")
    weights = batch.weights_NL[chosen]
    right = torch.zeros_like(batch.targets_NL, dtype=torch.float)
    right[chosen] = (logits.detach().argmax(-1) == targets).float()
    scores = []
    for index, skill in enumerate(batch.skills):
        scores.append((skill, right[index][batch.firsts_NL[index]]))
    return (each * weights).sum(), weights.sum(), scores


def one_step(
    model: Any, steppers: list[torch.optim.Optimizer], rows: list[Any], lr: float
) -> tuple[float, dict[str, float]]:
    """Forward, backward and update over all micro-batches; returns mean loss and first-token accuracy by skill."""
    device = next(model.parameters()).device
    groups = [collate(group, 0).to(device) for group in microbatches(rows, MICROBATCH_TOKENS)]
    total = torch.stack([batch.weights_NL.sum() for batch in groups]).sum()
    world = dist.get_world_size() if dist.is_initialized() else 1
    loss_sum = 0.0
    tallies: dict[str, list[Tensor]] = {}
    for batch in groups:
        loss, _, scores = losses(model, batch)
        torch.autograd.backward(loss / total / world)
        loss_sum += float(loss.detach())
        for skill, right in scores:
            tallies.setdefault(skill, []).append(right)
    if world > 1:
        flat = torch.cat([p.grad.flatten() for p in model.parameters()])
        dist.all_reduce(flat)
        done = 0
        for p in model.parameters():
            p.grad.copy_(flat[done : done + p.numel()].view_as(p))
            done += p.numel()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for stepper in steppers:
        for group in stepper.param_groups:
            group["lr"] = lr
        stepper.step()
        stepper.zero_grad(set_to_none=True)
    return loss_sum / float(total), {
        skill: float(torch.cat(rights).mean()) for skill, rights in tallies.items()
    }
