"""A vLLM that a training starts: what with, and, in the environment of `make vllm`, that it draws from each step's
weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.engines.model_directory import resolve_directory
from rlaif.engines.samplers import ReadText, SamplerPlan, TokenDraw, TokenText
from rlaif.engines.vllm import started
from rlaif.engines.vllm.started import PYTHON, StartedVllm, arguments, environment, last_words
from rlaif.errors import EngineError, ModelError
from rlaif.training import GRPOConfig, train_online
from rlaif.training.models import open_causal
from tests.training.online.helpers import Counted, history, prompts

from .test_served import plan

STEPS = 3


def flags(**given: Any) -> list[str]:
    return arguments(plan(**given), Path("/m"), Path("/s"), "adapter" if given.get("rank") else "weights")


def test_it_draws_from_the_models_own_distribution_at_the_temperature_of_the_draw() -> None:
    words = " ".join(flags(dtype="bfloat16", trust_remote_code=True))
    assert "--model /m --served-model-name policy --uds /s --dtype bfloat16 --max-model-len 64" in words
    assert "--logprobs-mode processed_logprobs --generation-config vllm --trust-remote-code" in words
    assert "lora" not in words


def test_room_is_made_for_the_adapters_rank() -> None:
    assert "--enable-lora --max-lora-rank 16 --max-loras 1" in " ".join(flags(rank=9))
    with pytest.raises(ModelError, match="rank 512 at most"):
        flags(rank=513)


def test_placement_has_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "RLAIF_VLLM", '{"max_model_len": 128, "tensor_parallel_size": 2, "enforce_eager": false}'
    )
    words = flags()
    assert words[words.index("--max-model-len") + 1] == "128"
    assert words[words.index("--tensor-parallel-size") + 1] == "2"
    assert "--enforce-eager" not in words


def test_on_an_accelerator_it_leaves_room_for_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(started, "_on_cpu", lambda: False)
    words = flags()
    assert words[words.index("--gpu-memory-utilization") + 1] == "0.3"


def test_its_environment_is_that_of_the_training_but_for_what_a_server_needs() -> None:
    found = environment({"HOME": "/h", "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "9"})
    assert found["VLLM_SERVER_DEV_MODE"] == "1"
    assert found["HOME"] == "/h"
    assert found["VLLM_CPU_KVCACHE_SPACE"] == "9"
    assert "VLLM_ENABLE_V1_MULTIPROCESSING" not in found


def test_a_server_that_ends_at_once_is_an_error_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho 'RuntimeError: no memory for it'\necho the end\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setenv(PYTHON, str(script))
    sampler = StartedVllm()
    assert sampler.prepare(plan(base=resolve_directory("micro"))) == "weights"
    with pytest.raises(
        EngineError, match="the vLLM of this training has ended: RuntimeError: no memory for it"
    ):
        sampler.load(resolve_directory("micro"), "mine:0")
    sampler.close()


def test_the_last_words_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("")
    assert last_words(log) == "it wrote nothing"
    log.write_text("one\n  ValueError: why\n  at a place\n\n")
    assert last_words(log) == "ValueError: why"
    log.write_text("one\ntwo\n")
    assert last_words(log) == "two"


# --- real vLLM ---


def wordy(completion: Any) -> float:
    """Short answers are better: what a policy learns in a few steps."""
    return -len(completion.text) / 100


CONFIG = GRPOConfig(
    steps=STEPS,
    batch_size=4,
    n=6,
    max_tokens=48,
    temperature=0.7,
    learning_rate=2e-3,
    schedule="constant",
    truncated="keep",
    trackers=(),
)


class Watched:
    """Hands everything on to a sampler, and may leave a hand-over out; the sampler is not closed."""

    def __init__(self, sampler: Any, *, left_out: Sequence[int] = ()) -> None:
        self.sampler, self.left_out = sampler, set(left_out)
        self.name, self.draw, self.read = sampler.name, sampler.draw, sampler.read
        self.loads = 0

    def prepare(self, wanted: SamplerPlan) -> Any:
        return self.sampler.prepare(wanted)

    def load(self, directory: Path, version: str) -> None:
        self.loads += 1
        if self.loads - 1 not in self.left_out:
            self.sampler.load(directory, version)

    def close(self) -> None:
        raise AssertionError("whoever opened a sampler closes it")


@pytest.fixture(scope="module")
def vllm(python: str) -> Any:
    """vLLM, started by the first training that draws from it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PYTHON, python)
        patch.setenv("HF_HUB_OFFLINE", "1")
        sampler = StartedVllm()
    yield sampler
    sampler.close()


@pytest.fixture(scope="module")
def learned(vllm: StartedVllm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of the bundled model, whose heads and output layer vLLM's CPU kernels do not take as they are."""
    out = tmp_path_factory.mktemp("learned") / "out"
    watched = Watched(vllm)
    train_online(
        CONFIG, prompts(), Counted(wordy), policy=resolve_directory("micro"), out=out, sampler=watched
    )
    assert watched.loads == STEPS
    return out


@pytest.mark.heavy
def test_each_step_is_drawn_from_its_own_weights_and_the_policy_learns(learned: Path) -> None:
    lines = history(learned)
    for line in lines:
        assert line["sampling/sampling_logp_difference/max"] < 1e-3
        assert line["sampling/importance_sampling_ratio/mean"] == pytest.approx(1, abs=1e-3)
    assert lines[-1]["reward"] > lines[0]["reward"]


@pytest.mark.heavy
def test_what_it_says_of_its_tokens_is_the_models_at_the_temperature_and_without_a_hand_over_it_is_not(
    vllm: StartedVllm, learned: Path
) -> None:
    first = resolve_directory("micro")
    models = {each: open_causal(each, CONFIG) for each in (first, learned)}
    opened = models[first]
    asked = tuple(opened.chat.prompt_ids([prompts()[0].messages])[0])
    draws = [TokenDraw(asked, seed, 40) for seed in range(8)]

    def apart(texts: Sequence[TokenText], of: Path) -> float:
        found = [
            abs(said - own)
            for text in texts
            for said, own in zip(text.logprobs, logps(models[of].model, asked, text.ids, 0.7), strict=True)
        ]
        return sum(found) / len(found)

    vllm.load(first, "test:100")
    drawn = vllm.draw(draws)
    assert apart(drawn, first) < 1e-4
    assert apart(drawn, learned) > 0.01
    assert vllm.draw(draws) == drawn
    for text in drawn:
        assert (text.ids[-1] in opened.ends) or len(text.ids) == 40
        assert not set(text.ids[:-1]) & opened.ends
    vllm.load(learned, "test:101")
    assert apart(vllm.draw(draws), learned) < 1e-4
    read = vllm.read([ReadText(asked, drawn[0].ids[:-1])])
    assert read is not None
    assert read[0] == pytest.approx(logps(models[learned].model, asked, drawn[0].ids[:-1], 1.0), abs=1e-3)


@pytest.mark.heavy
def test_a_hand_over_that_is_left_out_is_found(vllm: StartedVllm, learned: Path, tmp_path: Path) -> None:
    reward = Counted(wordy)
    with pytest.raises(
        EngineError, match=r"step 2: .* took the new weights without complaint, and computes with those"
    ):
        train_online(
            replace(CONFIG, seed=1),
            prompts(),
            reward,
            policy=resolve_directory("micro"),
            out=tmp_path / "out",
            sampler=Watched(vllm, left_out=[1]),
        )
    assert reward.asked == [0]


def logps(model: Any, prompt: Sequence[int], ids: Sequence[int], heat: float) -> list[float]:
    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *ids]])).logits[0]
    told = (logits / heat).log_softmax(-1)[len(prompt) - 1 : -1]
    return [float(row[token]) for row, token in zip(told, ids, strict=True)]
