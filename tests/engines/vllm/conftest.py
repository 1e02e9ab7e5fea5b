"""Real vLLM on the bundled model: one server and one process that runs it inside, for the whole test run.

Both live in the environment that `make vllm` makes; where it could not be made, the tests are skipped and say why.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import rlaif
from rlaif.engines.model_directory import resolve_directory
from rlaif.engines.vllm.pad_heads import fit_for_cpu
from tests.ports import closed_port

ROOT = Path(__file__).resolve().parents[3]
HOME = ROOT / ".venv-vllm"
START_S = 400.0
SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "OMP_NUM_THREADS": "1",
}
PLAIN = [
    *("--served-model-name", "micro", "--host", "127.0.0.1", "--dtype", "float32", "--enforce-eager"),
    *("--block-size", "32"),
]
ARGUMENTS = [
    *PLAIN,
    *("--max-num-seqs", "64", "--enable-lora", "--max-lora-rank", "8", "--max-loras", "2"),
    *("--structured-outputs-config", '{"backend":"xgrammar","disable_any_whitespace":true}'),
]


@dataclass(frozen=True)
class Server:
    """vLLM's OpenAI server on loopback."""

    root: str

    def named(self, model: str = "micro") -> str:
        """The model name under which it is reached."""
        return f"openai:{self.root}/v1#{model}@test"

    def counters(self) -> dict[str, float]:
        """Its own counters of the prefix cache, in tokens."""
        text = httpx.get(f"{self.root}/metrics").text
        found = re.findall(r"^vllm:prefix_cache_(hits|queries)_total\{[^}]*\} (\S+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in found}


@pytest.fixture(scope="session")
def python() -> str:
    """The interpreter of vLLM's environment."""
    if not (HOME / ".made").is_file():
        log = HOME / "made.log"
        last = log.read_text().strip().splitlines()[-1:] if log.is_file() else []
        pytest.skip(f"no environment with vLLM: {last[0] if last else 'run `make vllm`'}")
    return str(HOME / "bin" / "python")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The LoRA adapter of one round on the bundled model: it samples, is judged by itself, and is trained."""
    place = tmp_path_factory.mktemp("round")
    made = rlaif.generate(out=place / "run", limit=24, n=4, critique=False, drift=0)
    trained = rlaif.train(source=made.run, out=place / "model", lora=8, steps=12, learning_rate=3e-3)
    # beside it lie the weights with the adapter merged into them, which is another model to vLLM
    return Path(trained.outcome.out) / "adapter"


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> dict[str, Path]:
    """The bundled model and the adapter on it, with heads of a width that vLLM's CPU kernels know."""
    place = tmp_path_factory.mktemp("served")
    return {
        "micro": fit_for_cpu(resolve_directory("micro"), place / "micro"),
        "round": fit_for_cpu(trained, place / "round"),
    }


@pytest.fixture(scope="session")
def server(
    python: str, served: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The server, as soon as it answers; the adapter is loaded by the test that wants it."""
    place = tmp_path_factory.mktemp("server")
    module = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(served["micro"])]
    with closed_port() as port:
        process = _started([*module, "--port", str(port), *ARGUMENTS], place)
        try:
            _awaited(f"http://127.0.0.1:{port}", process, place)
            yield Server(f"http://127.0.0.1:{port}")
        finally:
            # its workers are its children: all of the session that it leads
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(START_S)


@pytest.fixture(scope="session")
def inside(python: str, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the engine `vllm:` answered inside a process of that environment; see `inside.py` for the questions."""
    place = tmp_path_factory.mktemp("inside")
    script = Path(__file__).with_name("inside.py")
    process = _started([python, str(script), str(place), str(trained)], place)
    if process.wait(START_S) != 0:
        pytest.fail("vLLM inside a process failed: " + (place / "log").read_text()[-3000:])
    found: dict[str, Any] = json.loads((place / "answers.json").read_text())
    return found


def _started(command: Sequence[str], place: Path) -> subprocess.Popen[bytes]:
    with (place / "log").open("wb") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **SETTINGS, "PYTHONPATH": str(ROOT)},
            cwd=place,
            start_new_session=True,
        )


def _awaited(root: str, process: subprocess.Popen[bytes], place: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{root}/health", timeout=5).status_code == 200:
                return
        time.sleep(0.5)
    pytest.fail("vLLM's server did not start: " + (place / "log").read_text()[-2000:])
