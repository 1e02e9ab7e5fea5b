"""The Ray cluster that a run uses: the one it is pointed to, one that runs here, or one of its own."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any, NamedTuple

from rlaif.engines.vllm.open import placement
from rlaif.errors import EngineError, ModelError

WORKERS_PER_NODE = 4
"""At most, where no GPU says how many; each is one CPU."""


class Size(NamedTuple):
    """How many workers, and GPUs for each."""

    workers: int
    gpus: int


def connect() -> None:
    """Join the cluster of RAY_ADDRESS, one that runs on this machine, or start one that ends with this process."""
    if find_spec("ray") is None:
        raise ModelError("--on ray: Ray is not installed in this environment; pip install 'rlaif[ray]'")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        return
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False, "configure_logging": True}
    try:
        ray.init(address="auto", **quiet)
    except ConnectionError as problem:
        if address := os.environ.get("RAY_ADDRESS"):
            raise EngineError(f"--on ray: no cluster answers at RAY_ADDRESS={address}") from problem
        ray.init(address="local", include_dashboard=False, **quiet)


def size(wanted: int | None, *, local: bool) -> Size:
    """Workers for a model: one for each GPU (or the group that runs one copy), without GPUs one a CPU, but few a node.

    `local` says that the model runs where the worker does: one behind a server needs no GPU.
    """
    import ray

    resources = ray.cluster_resources()
    if local and (gpus := int(resources.get("GPU", 0))):
        ways = placement()
        each = int(ways.get("tensor_parallel_size", 1)) * int(ways.get("pipeline_parallel_size", 1))
        return Size(min(wanted or gpus, max(1, gpus // each)), each)
    nodes = sum(1 for each in ray.nodes() if each["Alive"])
    cpus = max(1, int(resources.get("CPU", 1)))
    return Size(min(wanted or WORKERS_PER_NODE * nodes, cpus), 0)
