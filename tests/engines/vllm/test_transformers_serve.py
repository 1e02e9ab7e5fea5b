"""`transformers serve` behind `openai:`, from the environment of vLLM: no log-probabilities, names of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

import rlaif
from rlaif.engines.model_directory import resolve_directory
from tests.ports import closed_port

pytestmark = pytest.mark.heavy
START_S = 400.0


def sampling_copy(place: Path) -> Path:
    """The bundled model; this server draws greedily unless the model's own settings say otherwise."""
    shutil.copytree(resolve_directory("micro"), place)
    settings = place / "generation_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "do_sample": True}))
    return place


@pytest.fixture(scope="module")
def served(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The model's name, as soon as the server answers."""
    command = Path(python).with_name("transformers")
    place = tmp_path_factory.mktemp("serve")
    model = sampling_copy(place / "micro")
    with closed_port() as port, (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(command),
                "serve",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                "--device",
                "cpu",
                str(model),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
            cwd=place,
            start_new_session=True,
        )
        try:
            await_answer(f"http://127.0.0.1:{port}/health", process, place / "log")
            yield f"openai:http://127.0.0.1:{port}/v1?at_once=2&logprobs=0#{model}@test"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(START_S)


def await_answer(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a server that has just been started."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.HTTPError):
            if httpx.get(url, timeout=5).status_code == 200:
                return
        time.sleep(0.5)
    text = log.read_text()
    if "Missing dependencies for serving" in text:
        pytest.skip("this environment has no `transformers serve`")
    pytest.fail(f"the server did not start: {text[-2000:]}")


def test_policy_and_judge_write_on_transformers_serve(served: str, tmp_path: Path) -> None:
    made = rlaif.generate(
        out=tmp_path / "run",
        policy=served,
        judge=served,
        prompts="micro:train",
        limit=2,
        n=2,
        protocol="compare-cot",
        critique=False,
        drift=0,
        min_pair_share=0,
    )
    assert made.calls["failed"] == 0
    texts = [json.loads(row)["completion"] for row in (tmp_path / "run/completions.jsonl").open()]
    assert len(set(texts)) == 4
    assert set(made.counts.states) & {"score", "preference"}
