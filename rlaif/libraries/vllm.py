"""The one place that knows vLLM: how it is started and asked, what it raises, what it counts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.libraries.versions import changed, importing

NAME = "vllm"
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks of adapters that vLLM makes room for."""
UNABLE = (ValueError, RuntimeError, OSError, ImportError, KeyError, AssertionError)
"""What vLLM raises that cannot run a model."""
_SETTINGS = {
    # in this very process: no second copy of what is sent, and the same schedule every time
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_CPU_KVCACHE_SPACE": "1",
}
_COUNTERS = {"queries": "vllm:prefix_cache_queries", "hits": "vllm:prefix_cache_hits"}


def on_cpu() -> bool:
    """Whether vLLM runs on the CPU here."""
    with importing(NAME):
        from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())


def start(arguments: Mapping[str, Any]) -> Any:
    """A model in this process. Raises what is in `UNABLE`."""
    settle()
    with importing(NAME):
        from vllm import LLM

    if on_cpu():
        # compiling takes longer than all that a CPU is fit for; prompts are shared by whole blocks, of 128 by default
        arguments = {"enforce_eager": True, "block_size": 32, **arguments}
    return LLM(**arguments)


def stop(model: Any) -> None:
    """End a model's engine, with its cache and its processes. The model can do nothing any more."""
    model.llm_engine.engine_core.shutdown()


def settle() -> None:
    """Set what vLLM reads from the environment when it is imported; what a user has set stays."""
    for variable, value in _SETTINGS.items():
        os.environ.setdefault(variable, value)


def context_of(model: Any) -> int:
    """The tokens that a prompt and its answer may have together."""
    return int(model.llm_engine.model_config.max_model_len)


def adapter_request(directory: Path) -> Any:
    """What says that an adapter is to be used."""
    with importing(NAME):
        from vllm.lora.request import LoRARequest

    return LoRARequest("adapter", 1, str(directory))


def drawing(schema: Mapping[str, Any] | None, **how: Any) -> Any:
    """How a text is drawn, held to a JSON schema where one is given; `how` as SamplingParams has it."""
    with importing(NAME):
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

    guided = StructuredOutputsParams(json=dict(schema)) if schema is not None else None
    return SamplingParams(**how, logprobs=0, skip_special_tokens=False, structured_outputs=guided)


def reading(tokens: Sequence[int]) -> Any:
    """How the log-probabilities of these tokens are read at the next place."""
    with importing(NAME):
        from vllm import SamplingParams

    return SamplingParams(max_tokens=1, temperature=0.0, logprob_token_ids=list(tokens), detokenize=False)


def run(model: Any, prompts: Sequence[Sequence[int]], sampling: Sequence[Any], adapter: Any) -> list[Any]:
    """One output a prompt, in their order. Raises RuntimeError where the engine stopped, as vLLM has other words."""
    with importing(NAME):
        from vllm.v1.engine.exceptions import EngineDeadError

    asked = [{"prompt_token_ids": list(ids)} for ids in prompts]
    try:
        found: list[Any] = model.generate(asked, list(sampling), use_tqdm=False, lora_request=adapter)
    except EngineDeadError as problem:
        raise RuntimeError(str(problem) or type(problem).__name__) from problem
    return found


def read_at(output: Any, token: int) -> float:
    """The log-probability of a token that was asked for by `reading`. Raises LibraryError where it is not there."""
    found = output.outputs[0].logprobs
    if not found or token not in found[0]:
        raise changed(NAME, "a judge's labels cannot be read")
    return float(found[0][token].logprob)


def cache_counts(model: Any) -> dict[str, int]:
    """Tokens that its prefix cache was asked for (`queries`), and that it had (`hits`)."""
    found = {each.name: each for each in model.get_metrics()}
    return {short: int(found[name].value) if name in found else 0 for short, name in _COUNTERS.items()}
