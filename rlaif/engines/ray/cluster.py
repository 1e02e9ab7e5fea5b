"""The Ray cluster that a run uses: the one it is pointed to, one that runs here, or one of its own."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.engines.vllm.open import VARIABLE, placement
from rlaif.errors import EngineError, ModelError

WORKERS_PER_NODE = 4
"""At most, where no GPU says how many; each is one CPU."""


_MODE = "RAY_AUTH_MODE"
_CARRIED = (
    VARIABLE,
    "HF_HOME",
    "HF_HUB_OFFLINE",
    "HF_HUB_CACHE",
    "OMP_NUM_THREADS",
    "TOKENIZERS_PARALLELISM",
)
"""What says how a model runs and where it lies; keys of servers are read from each node's own environment."""


class Size(NamedTuple):
    """How many workers, and GPUs for each."""

    workers: int
    gpus: int


def connect() -> None:
    """Join the cluster of RAY_ADDRESS, one that runs on this machine, or start one that ends with this process.

    Raises:
        ModelError: Ray is not installed.
        EngineError: No cluster answers there, or it wants another token.
    """
    if find_spec("ray") is None:
        raise ModelError("--on ray: Ray is not installed in this environment; pip install 'rlaif[ray]'")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if _MODE not in os.environ and _has_token():
        # `ray start` asks for a token wherever it finds one, and `ray.init` would come without: a local run leaves one
        os.environ[_MODE] = "token"
    import ray

    if ray.is_initialized():
        return
    address = os.environ.get("RAY_ADDRESS")
    say(f"joining {'the cluster at ' + address if address else 'a cluster of this machine, or starting one'}")
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False, "configure_logging": True}
    try:
        ray.init(address="auto", **quiet)
    except ConnectionError as problem:
        if address:
            raise EngineError(
                f"--on ray: no cluster answers at RAY_ADDRESS={address}: start it (docs/scaling.md); where it runs and "
                f"asks for a token, {_MODE}=token must be set here and ~/.ray/auth_token be that of its first node"
            ) from problem
        ray.init(address="local", include_dashboard=False, **quiet)


def say(text: str) -> None:
    """A line on what a cluster is doing: it takes long enough to look dead."""
    sys.stderr.write(f"--on ray: {text}\n")
    sys.stderr.flush()


def _has_token() -> bool:
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    place = Path(named) if named else Path.home() / ".ray" / "auth_token"
    return "RAY_AUTH_TOKEN" in os.environ or place.is_file()


def size(wanted: int | None, *, local: bool) -> Size:
    """Workers for a model: one for each GPU (or the group that runs one copy), without GPUs one a CPU, but few a node.

    `local` says that the model runs where the worker does: one behind a server needs no GPU.
    """
    import ray

    nodes = [each["Resources"] for each in ray.nodes() if each["Alive"]]
    if local and any(each.get("GPU") for each in nodes):
        ways = placement()
        each = int(ways.get("tensor_parallel_size", 1)) * int(ways.get("pipeline_parallel_size", 1))
        # a model is on one node: what is left over on two of them makes no worker
        room = sum(int(node.get("GPU", 0)) // each for node in nodes)
        if not room:
            most = max(int(node.get("GPU", 0)) for node in nodes)
            raise EngineError(
                f"--on ray: a model takes {each} GPUs ({VARIABLE}), and no node of the cluster has more than {most}"
            )
        return Size(min(wanted or room, room), each)
    cpus = max(1, sum(int(each.get("CPU", 0)) for each in nodes))
    return Size(min(wanted or WORKERS_PER_NODE * len(nodes), cpus), 0)


def worker_environment() -> dict[str, str]:
    """The variables of this process that say how a model runs: a worker elsewhere must have the same."""
    return {name: os.environ[name] for name in _CARRIED if name in os.environ}
