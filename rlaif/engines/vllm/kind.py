"""The model kind `vllm:`: a causal language model that vLLM runs in this process."""

from __future__ import annotations

from rlaif.engines.kinds import EngineOptions, ModelKind
from rlaif.engines.local.kind import causal_fingerprint, checked_directory
from rlaif.engines.model_directory import resolve_directory
from rlaif.errors import ModelError
from rlaif.records import Engine


def _open(name: str, rest: str, options: EngineOptions) -> Engine:
    from rlaif.engines.vllm.open import open_vllm, require_vllm

    require_vllm(name, options.device)
    directory = checked_directory(rest)
    if options.device_map:
        raise ModelError(f"{name}: vLLM takes no --device-map; leave it out")
    return open_vllm(name, directory, options)


KINDS = (
    ModelKind(
        name="vllm",
        help="a causal language model in vLLM, in this process: vllm:<directory or hub id>[@revision]",
        open=_open,
        directory=resolve_directory,
        fingerprint=causal_fingerprint,
        begins_answers=lambda name, rest: True,
        causal=True,
        fills_accelerator=True,
    ),
)
