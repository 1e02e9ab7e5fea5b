"""`vllm:` names to engines: what vLLM is started with, and what a user is told when it cannot be."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rlaif.engines.chat_template import Chat
from rlaif.engines.fingerprint import adapter_base, model_fingerprint
from rlaif.engines.kinds import EngineOptions
from rlaif.engines.local.load import load_tokenizer
from rlaif.engines.vllm.engine import VllmEngine
from rlaif.engines.vllm.pad_heads import fit_for_cpu
from rlaif.errors import ModelError
from rlaif.libraries import vllm

VARIABLE = "RLAIF_VLLM"
"""Environment variable with a JSON object of further engine arguments: where and how it runs, never what it is."""
PLACEMENT = frozenset(
    {
        "tensor_parallel_size",
        "pipeline_parallel_size",
        "gpu_memory_utilization",
        "max_model_len",
        "max_num_seqs",
        "max_num_batched_tokens",
        "enforce_eager",
        "enable_prefix_caching",
        "cpu_offload_gb",
    }
)


def open_vllm(name: str, directory: Path, options: EngineOptions) -> VllmEngine:
    """The model, or the adapter on its base, of a checked directory. Raises ModelError with the remedy."""
    require_vllm(name, options.device)
    vllm.settle()
    scratch = TemporaryDirectory(prefix="rlaif-")
    runs = fit_for_cpu(directory, Path(scratch.name)) if vllm.on_cpu() else directory
    base = adapter_base(runs)
    arguments = {
        "model": str(base or runs),
        "dtype": options.dtype,
        "trust_remote_code": options.trust_remote_code,
        "max_num_batched_tokens": options.batch_tokens,
        "seed": 0,
        "disable_log_stats": False,
        # a weak model fills its room with blanks, which every schema allows
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        **(_room(runs) if base else {}),
        **placement(),
    }
    tokenizer = load_tokenizer(directory, trust_remote_code=options.trust_remote_code)
    model = _start(name, arguments)
    return VllmEngine(
        name,
        model,
        Chat(tokenizer, dict(options.chat_template_kwargs or {}), options.thought_marks),
        fingerprint=model_fingerprint(
            directory,
            options.dtype,
            options.chat_template_kwargs,
            own_code=options.trust_remote_code,
            thought_marks=options.thought_marks,
        ),
        eos_ids=_eos_ids(base or directory),
        adapter=vllm.adapter_request(runs) if base else None,
        scratch=scratch,
    )


def placement(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The engine arguments that `RLAIF_VLLM` holds. Raises ModelError for one that would change the model."""
    text = environment.get(VARIABLE, "")
    try:
        found = json.loads(text) if text else {}
    except ValueError as problem:
        raise ModelError(f"{VARIABLE}: not JSON: {problem}") from None
    if not isinstance(found, dict):
        raise ModelError(f'{VARIABLE}: is no JSON object, as {{"tensor_parallel_size": 2}} is')
    if unknown := sorted(set(found) - PLACEMENT):
        raise ModelError(f"{VARIABLE}: {unknown[0]!r} is not known; known: {', '.join(sorted(PLACEMENT))}")
    return found


def adapter_rank(directory: Path) -> int:
    """The room to make for an adapter's rank. Raises ModelError for an adapter that vLLM would run in part only."""
    path = directory / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    why = None
    if config.get("peft_type") != "LORA":
        why = f"is of type {config.get('peft_type')}"
    elif config.get("modules_to_save"):
        why = f"replaces whole layers ({', '.join(config['modules_to_save'])})"
    elif config.get("use_dora") or config.get("bias", "none") != "none":
        why = "is no plain LoRA (DoRA, or trained biases)"
    rank = max([int(config.get("r", 0)), *map(int, (config.get("rank_pattern") or {}).values())])
    room = next((each for each in vllm.RANKS if each >= rank), None)
    if why is None and room is None:
        why = f"has rank {rank}, more than {vllm.RANKS[-1]}"
    if why is not None or room is None:
        raise ModelError(
            f"{path}: vLLM does not run this adapter: it {why}; merge it into its base, or use hf:"
        )
    return room


def require_vllm(name: str, device: str) -> None:
    """Raise ModelError where vLLM cannot be used as it is asked for; loads nothing."""
    if find_spec("vllm") is None:
        raise ModelError(
            f"{name}: vLLM is not installed in this environment; pip install 'rlaif[vllm]' where there is a GPU, or "
            "`make vllm` and .venv-vllm/bin/rlaif; or `vllm serve` and openai:http://<host>:<port>/v1#<model>@<revision>"
        )
    if device != "auto":
        raise ModelError(
            f"{name}: vLLM chooses its devices among those of CUDA_VISIBLE_DEVICES; leave --device at auto"
        )


def _start(name: str, arguments: dict[str, Any]) -> Any:
    try:
        return vllm.start(arguments)
    except vllm.UNABLE as problem:
        reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
        raise ModelError(
            f"{name}: vLLM cannot run it: {reason}; use hf:, or say how it runs with {VARIABLE}"
        ) from problem


def _room(directory: Path) -> dict[str, Any]:
    return {"enable_lora": True, "max_lora_rank": adapter_rank(directory), "max_loras": 1}


def _eos_ids(directory: Path) -> list[int]:
    found: list[Any] = []
    for name in ("generation_config.json", "config.json"):
        path = directory / name
        if path.is_file():
            settings = json.loads(path.read_text(encoding="utf-8"))
            found += [part.get("eos_token_id") for part in (settings, settings.get("text_config") or {})]
    return [one for each in found for one in (each if isinstance(each, list) else [each]) if one is not None]
