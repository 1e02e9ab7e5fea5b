"""A vLLM server that a training starts for itself, and that ends with it: its own process, reached by nobody else.

It may live in another environment than the training: vLLM pins versions of what training needs too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import torch

from rlaif.engines.fingerprint import adapter_base
from rlaif.engines.samplers import Handed, ReadText, SamplerPlan, TokenDraw, TokenText
from rlaif.engines.vllm import guard
from rlaif.engines.vllm.open import placement
from rlaif.engines.vllm.pad_heads import CPU_WIDTHS, fit_for_cpu, head_width
from rlaif.engines.vllm.served import ServedVllm
from rlaif.engines.vllm.untie import untied
from rlaif.errors import EngineError, ModelError
from rlaif.libraries import vllm

PYTHON = "RLAIF_VLLM_PYTHON"
"""Environment variable that names the Python of an environment with vLLM."""
START_S = 1800.0
"""A large model is read from a slow disk in less."""
LOOK_S = 0.5
SHARE_OF_ACCELERATOR = 0.3
"""Of an accelerator's memory: the training is on it too."""
SERVER = "vllm.entrypoints.openai.api_server"
_SETTINGS = {
    "VLLM_SERVER_DEV_MODE": "1",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
}


class StartedVllm:
    """The sampler `vllm`: it is started with the first weights that it is handed."""

    name = "the vLLM of this training"

    def __init__(self) -> None:
        self._python = interpreter()
        self._plan: SamplerPlan | None = None
        self._handed: Handed = "weights"
        self._server: ServedVllm | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        # short: the path of a socket may have about a hundred letters
        self._scratch = TemporaryDirectory(prefix="rlaif-")

    def prepare(self, plan: SamplerPlan) -> Handed:
        """An adapter where one is trained on a model that vLLM runs as it is, else whole weights."""
        placement()
        self._plan = plan
        fits = adapter_base(plan.base) is None and not (_on_cpu() and head_width(plan.base) not in CPU_WIDTHS)
        self._handed = "adapter" if plan.rank and fits else "weights"
        return self._handed

    def load(self, directory: Path, version: str) -> None:
        """Hand the weights over; the first ones start the server."""
        if self._server is None:
            begins_with = self._plan_of.base if self._handed == "adapter" else self._fit(directory, version)
            self._server = self._started(begins_with)
            if self._handed == "weights":
                self._server.say_version(version)
                return
        self._alive()
        if self._handed == "adapter":
            self._server.load(directory, version)
            return
        fit = self._fit(directory, version)
        self._server.load(fit, version)
        if fit != directory:
            shutil.rmtree(self._folder(version), ignore_errors=True)

    def draw(self, draws: Sequence[TokenDraw]) -> list[TokenText]:
        """All at once."""
        return self._running.draw(draws)

    def read(self, texts: Sequence[ReadText]) -> list[tuple[float, ...]] | None:
        """See `ServedVllm.read`."""
        return self._running.read(texts)

    def close(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.close()
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()
        self._scratch.cleanup()

    def _fit(self, directory: Path, version: str) -> Path:
        """The weights in a form that vLLM on this machine can be handed again and again."""
        if not _on_cpu():
            return directory
        folder = self._folder(version)
        return untied(fit_for_cpu(directory, folder / "wide"), folder / "untied")

    def _folder(self, version: str) -> Path:
        return Path(self._scratch.name) / version.rpartition(":")[2]

    def _started(self, model: Path) -> ServedVllm:
        """The server, as soon as it answers. Raises EngineError with its last words where it does not."""
        plan, place = self._plan_of, Path(self._scratch.name)
        socket, log = place / "socket", place / "log"
        command = [self._python, "-m", SERVER, *arguments(plan, model, socket, self._handed)]
        with log.open("wb") as written:
            self._guard = subprocess.Popen(
                [sys.executable, guard.__file__, *command],
                stdin=subprocess.PIPE,
                stdout=written,
                stderr=subprocess.STDOUT,
                env=environment(),
                cwd=place,
                # an interrupt of the terminal is the training's, which then ends the server
                start_new_session=True,
            )
        transport = httpx.HTTPTransport(uds=str(socket))
        server = ServedVllm(self.name, "http://vllm", transport=transport)
        deadline = time.monotonic() + START_S
        while not server.answers():
            self._alive()
            if time.monotonic() > deadline:
                raise EngineError(f"{self.name} does not answer after {START_S:g} s: {last_words(log)}")
            time.sleep(LOOK_S)
        # an adapter that is merged on the way is none to the server
        server.prepare(plan if self._handed == "adapter" else replace(plan, rank=0))
        return server

    def _alive(self) -> None:
        if self._guard is not None and self._guard.poll() is not None:
            told = last_words(Path(self._scratch.name) / "log")
            raise EngineError(f"{self.name} has ended: {told}; say how it runs with RLAIF_VLLM, or draw live")

    @property
    def _running(self) -> ServedVllm:
        assert self._server is not None, "weights are handed over before anything is drawn"
        self._alive()
        return self._server

    @property
    def _plan_of(self) -> SamplerPlan:
        assert self._plan is not None, "a sampler is prepared before it is asked"
        return self._plan


def interpreter() -> str:
    """The Python that runs vLLM. Raises ModelError where there is none."""
    named = os.environ.get(PYTHON, "")
    if named:
        if not os.access(named, os.X_OK):
            raise ModelError(f"{PYTHON}: {named} cannot be run; name the Python of an environment with vLLM")
        # by its own path: what a link points to may know nothing of the environment
        return str(Path(named).absolute())
    if find_spec("vllm") is None:
        raise ModelError(
            "rollouts: vLLM is not installed in this environment; pip install 'rlaif[vllm]' where there is a GPU, or "
            f"name the Python of another environment that has it ({PYTHON}=.venv-vllm/bin/python after `make vllm`), "
            "or a server (--rollouts http://<host>:<port>)"
        )
    return sys.executable


def arguments(plan: SamplerPlan, model: Path, socket: Path, handed: Handed) -> list[str]:
    """What the server is started with."""
    how: dict[str, Any] = {
        "model": model,
        "served_model_name": "policy",
        "uds": socket,
        "dtype": plan.dtype,
        "max_model_len": plan.context,
        "seed": 0,
        # log-probabilities at the temperature of the draw; no settings out of the model's own files
        "logprobs_mode": "processed_logprobs",
        "generation_config": "vllm",
        "trust_remote_code": plan.trust_remote_code,
    }
    if handed == "adapter":
        room = next((each for each in vllm.RANKS if each >= plan.rank), None)
        if room is None:
            raise ModelError(f"vLLM runs adapters of rank {vllm.RANKS[-1]} at most; lower --lora")
        how |= {"enable_lora": True, "max_lora_rank": room, "max_loras": 1}
    if _on_cpu():
        # compiling takes longer than all that a CPU is fit for; prompts are shared by whole blocks
        how |= {"enforce_eager": True, "block_size": 32, "max_num_seqs": 64}
    else:
        how["gpu_memory_utilization"] = SHARE_OF_ACCELERATOR
    return [word for name, value in {**how, **placement()}.items() for word in _flag(name, value)]


def environment(outer: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What the server finds in its environment."""
    found = {name: value for name, value in outer.items() if name != "VLLM_ENABLE_V1_MULTIPROCESSING"}
    return {"VLLM_CPU_KVCACHE_SPACE": "1", **found, **_SETTINGS}


def last_words(log: Path) -> str:
    """The line that says why, of a log that ends in tracebacks."""
    lines = [each.strip() for each in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    told = [each for each in lines if "Error" in each] or [each for each in lines if each]
    return told[-1][-300:] if told else "it wrote nothing"


def _flag(name: str, value: Any) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    if value is True:
        return [flag]
    return [] if value is False else [flag, str(value)]


def _on_cpu() -> bool:
    return not torch.accelerator.is_available()
