"""A vLLM server as a sampler: what it is asked, how weights are handed over, and that nothing wrong is silent."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from rlaif.engines.samplers import ReadText, SamplerPlan, TokenDraw
from rlaif.engines.vllm.sampler_names import open_sampler
from rlaif.engines.vllm.served import FOR_WEIGHTS, LOAD_ADAPTER, UNLOAD_ADAPTER, ServedVllm
from rlaif.errors import EngineError, ModelError
from rlaif.training import GRPOConfig, train_online
from tests.training.online.helpers import Counted, history, prompts

from .conftest import Server

END = 1


def plan(**given: Any) -> SamplerPlan:
    how: dict[str, Any] = {
        "base": Path("/models/base"),
        "rank": 0,
        "dtype": "float32",
        "temperature": 0.7,
        "ends": frozenset({END}),
        "context": 64,
        "trust_remote_code": False,
    }
    return SamplerPlan(**{**how, **given})


class Vllm:
    """Answers as vLLM 0.32 does; `paths` are what it can be asked for."""

    def __init__(self, *paths: str) -> None:
        self.paths = ["/v1/completions", "/v1/models", *paths]
        self.version = "default"
        self.asked: list[tuple[str, Any]] = []
        self.answers: dict[str, Callable[[Any], httpx.Response]] = {}
        self.texts = {"token_ids": [5, 6, END], "logprobs": {"token_logprobs": [-1.0, -0.5, -2.0]}}
        self.key: str | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        body = json.loads(request.content) if request.content else dict(request.url.params)
        self.asked.append((path, body))
        self.key = request.headers.get("Authorization")
        if path in self.answers:
            return self.answers[path](body)
        if path == "/openapi.json":
            return httpx.Response(200, json={"paths": dict.fromkeys(self.paths)})
        if path == "/v1/models":
            rows = [{"id": "a", "parent": "policy"}, {"id": "policy", "parent": None, "max_model_len": 64}]
            return httpx.Response(200, json={"data": rows})
        if path == "/update_weight_version":
            self.version = body["new_version"]
        if path == "/weight_info":
            return httpx.Response(200, json={"weight_version": self.version})
        if path == "/v1/completions":
            return httpx.Response(200, json={"choices": [self._text(body)]})
        return httpx.Response(200, json={})

    def _text(self, body: Any) -> Any:
        if "prompt_logprobs" in body:
            told = [{str(token): {"logprob": -float(token)}} for token in body["prompt"]]
            return {"prompt_logprobs": [None, *told[1:]]}
        return {"finish_reason": "stop", **self.texts}

    def paths_asked(self) -> list[str]:
        return [path for path, _ in self.asked]

    def sampler(self, **given: Any) -> ServedVllm:
        return ServedVllm("vLLM at there", "http://there:8000", transport=httpx.MockTransport(self), **given)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


def ready(*, rank: int = 0, paths: tuple[str, ...] = FOR_WEIGHTS) -> tuple[Vllm, ServedVllm]:
    server = Vllm(*paths)
    sampler = server.sampler()
    sampler.prepare(plan(rank=rank))
    return server, sampler


def test_whole_weights_are_handed_over_while_nothing_is_drawn_and_old_prefixes_are_forgotten() -> None:
    server, sampler = ready()
    server.asked.clear()
    sampler.load(Path("/work/weights-3"), "mine:3")
    assert server.asked == [
        ("/pause", {"mode": "wait"}),
        (
            "/collective_rpc",
            {"method": "reload_weights", "kwargs": {"weights_path": "/work/weights-3"}},
        ),
        ("/reset_prefix_cache", {}),
        ("/resume", {}),
        ("/update_weight_version", {"new_version": "mine:3"}),
    ]


def test_a_draw_is_of_the_models_own_distribution_and_by_its_own_seed() -> None:
    server, sampler = ready()
    sampler.load(Path("/w"), "mine:0")
    server.asked.clear()
    texts = sampler.draw([TokenDraw((7, 8), 3, 20), TokenDraw((9,), (1 << 63) + 5, 3)])
    assert [each.ids for each in texts] == [(5, 6, END)] * 2
    assert texts[0].logprobs == (-1.0, -0.5, -2.0)
    bodies = sorted(
        (body for path, body in server.asked if path == "/v1/completions"), key=lambda b: b["seed"]
    )
    assert [each["seed"] for each in bodies] == [3, 5]
    assert [each["max_tokens"] for each in bodies] == [20, 3]
    assert bodies[0]["prompt"] == [7, 8]
    assert bodies[0]["model"] == "policy"
    told = {"temperature": 0.7, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
    assert told.items() <= bodies[0].items()
    # the policy's end tokens end a text, and nothing else does
    assert bodies[0]["ignore_eos"] is True
    assert bodies[0]["stop_token_ids"] == [END]
    assert bodies[0]["return_token_ids"] is True


def test_an_adapter_has_a_name_of_its_own_and_the_one_before_is_unloaded(adapter: Path) -> None:
    server, sampler = ready(rank=4, paths=(LOAD_ADAPTER, UNLOAD_ADAPTER))
    names = []
    for step in range(2):
        sampler.load(adapter, f"mine:{step}")
        sampler.draw([TokenDraw((7,), 0, 20)])
        names.append(server.asked[-1][1]["model"])
    assert len({*names, "policy"}) == 3
    assert (UNLOAD_ADAPTER, {"lora_name": names[0]}) in server.asked
    # a resumed training hands the same step over again, by another name
    _, again = ready(rank=4, paths=(LOAD_ADAPTER, UNLOAD_ADAPTER))
    assert again.read([ReadText((1,), (2,))]) is None
    sampler.close()
    assert server.asked[-1] == (UNLOAD_ADAPTER, {"lora_name": names[1]})


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    config = {"peft_type": "LORA", "r": 4}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    return tmp_path


def test_given_tokens_are_read_behind_their_prompt() -> None:
    _, sampler = ready()
    assert sampler.read([ReadText((3, 4), (5, 6)), ReadText((9,), (2,))]) == [(-5.0, -6.0), (-2.0,)]


@pytest.mark.parametrize(
    ("rank", "paths", "handed"),
    [
        (0, FOR_WEIGHTS, "weights"),
        (4, FOR_WEIGHTS, "weights"),
        (4, (LOAD_ADAPTER,), "adapter"),
        (4, (LOAD_ADAPTER, *FOR_WEIGHTS), "adapter"),
        (0, (LOAD_ADAPTER, *FOR_WEIGHTS), "weights"),
    ],
)
def test_an_adapter_goes_alone_where_the_server_takes_one(
    rank: int, paths: tuple[str, ...], handed: str
) -> None:
    assert Vllm(*paths).sampler().prepare(plan(rank=rank)) == handed


@pytest.mark.parametrize("paths", [(), (LOAD_ADAPTER,), FOR_WEIGHTS[:-1]])
def test_a_server_that_takes_no_weights_is_refused_with_what_to_start_it_with(paths: tuple[str, ...]) -> None:
    with pytest.raises(ModelError, match=r"takes no new weights .*VLLM_SERVER_DEV_MODE=1.*--enable-lora"):
        Vllm(*paths).sampler().prepare(plan())


def test_a_server_without_room_is_refused() -> None:
    with pytest.raises(
        ModelError, match="has room for 64 tokens, and the longest prompt with its answer takes 65"
    ):
        Vllm(*FOR_WEIGHTS).sampler().prepare(plan(context=65))


@pytest.mark.parametrize("found", [{}, {"data": []}, {"data": [{"parent": None}]}, []])
def test_what_is_no_vllm_is_refused(found: Any) -> None:
    server = Vllm(*FOR_WEIGHTS)
    server.answers["/v1/models"] = lambda _: httpx.Response(200, json=found)
    with pytest.raises(ModelError, match="names no model that it serves"):
        server.sampler().prepare(plan())
    server.answers["/openapi.json"] = lambda _: httpx.Response(200, text="<html>")
    with pytest.raises(ModelError, match="does not say what it can be asked for"):
        server.sampler().prepare(plan())


def test_weights_that_are_not_taken_are_an_error_and_the_server_goes_on() -> None:
    server, sampler = ready()
    words = {"error": {"message": "Worker failed with error 'no such file'"}}
    server.answers["/collective_rpc"] = lambda _: httpx.Response(500, json=words)
    with pytest.raises(
        EngineError, match=r"did not take the weights of /w, .*\(500: Worker failed with error 'no such"
    ):
        sampler.load(Path("/w"), "mine:0")
    # vLLM's engine does not outlive a second try
    assert server.paths_asked().count("/collective_rpc") == 1
    assert server.paths_asked()[-1] == "/resume"


def test_an_adapter_that_is_not_taken_says_what_the_server_is_to_be_started_with(adapter: Path) -> None:
    server, sampler = ready(rank=4, paths=(LOAD_ADAPTER, UNLOAD_ADAPTER))
    server.answers[LOAD_ADAPTER] = lambda _: httpx.Response(400, json={"error": {"message": "not enabled"}})
    with pytest.raises(EngineError, match=r"--enable-lora --max-lora-rank 8 \(400: not enabled\)"):
        sampler.load(adapter, "mine:0")


def test_weights_that_another_training_handed_over_meanwhile_are_seen() -> None:
    server, sampler = ready()
    sampler.load(Path("/w"), "mine:0")
    sampler.draw([TokenDraw((7,), 0, 20)])
    server.version = "theirs:9"
    with pytest.raises(EngineError, match="has the weights 'theirs:9', and was handed 'mine:0'"):
        sampler.draw([TokenDraw((7,), 0, 20)])


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"token_ids": None}, "gave no token ids"),
        ({"token_ids": [5, 6]}, "gave no token ids"),
        ({"logprobs": None}, "gave no token ids"),
        ({"logprobs": {"token_logprobs": [-1.0, None, -1.0]}}, "gave no token ids"),
        ({"token_ids": [5, 6, 7]}, "ended an answer after 3 of 20 tokens without an end token"),
    ],
)
def test_an_answer_that_is_not_whole_is_an_error(texts: dict[str, Any], said: str) -> None:
    server, sampler = ready()
    sampler.load(Path("/w"), "mine:0")
    server.texts |= texts
    with pytest.raises(EngineError, match=said):
        sampler.draw([TokenDraw((7,), 0, 20)])


def test_a_text_that_fills_its_room_needs_no_end() -> None:
    server, sampler = ready()
    sampler.load(Path("/w"), "mine:0")
    server.texts["token_ids"] = [5, 6, 7]
    assert sampler.draw([TokenDraw((7,), 0, 3)])[0].ids == (5, 6, 7)


@pytest.mark.usefixtures("no_waiting")
def test_what_fails_by_chance_is_asked_again_and_what_is_refused_is_not() -> None:
    server, sampler = ready()
    sampler.load(Path("/w"), "mine:0")
    states = iter([503, 503, 200])
    good = server._text({})
    server.answers["/v1/completions"] = lambda _: httpx.Response(next(states), json={"choices": [good]})
    assert sampler.draw([TokenDraw((7,), 0, 20)])[0].ids == (5, 6, END)
    server.answers["/v1/completions"] = lambda _: httpx.Response(404, json={"message": "no such model"})
    server.asked.clear()
    with pytest.raises(EngineError, match=r"refused /v1/completions \(404: no such model\)"):
        sampler.draw([TokenDraw((7,), 0, 20)])
    assert server.paths_asked().count("/v1/completions") == 1


@pytest.mark.usefixtures("no_waiting")
def test_a_server_that_is_gone_is_told_of() -> None:
    server, sampler = ready()

    def gone(_: Any) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    server.answers["/pause"] = gone
    with pytest.raises(
        EngineError, match=r"vLLM at there cannot be reached \(connection refused\): start it"
    ):
        sampler.load(Path("/w"), "mine:0")


def test_its_key_goes_along() -> None:
    server = Vllm(*FOR_WEIGHTS)
    server.sampler(key="secret").prepare(plan())
    assert server.key == "Bearer secret"


# --- a real server ---


@pytest.mark.heavy
def test_a_running_server_is_handed_the_adapter_of_each_step_and_draws_from_it(
    server: Server, served: dict[str, Path], tmp_path: Path
) -> None:
    config = GRPOConfig(
        steps=3,
        batch_size=3,
        n=4,
        max_tokens=32,
        lora=4,
        learning_rate=0.01,
        truncated="keep",
        trackers=(),
    )
    reward = Counted(lambda completion: -len(completion.text) / 100)
    sampler = open_sampler(server.root)
    assert sampler is not None
    out = tmp_path / "out"
    train_online(config, prompts(), reward, policy=served["micro"], out=out, sampler=sampler)
    lines = history(out)
    assert len(lines) == 3
    for line in lines:
        assert line["sampling/sampling_logp_difference/max"] < 1e-3
    names = [each["id"] for each in httpx.get(f"{server.root}/v1/models").json()["data"]]
    assert sum(name.startswith("rlaif-") for name in names) == 1
    sampler.close()
    names = [each["id"] for each in httpx.get(f"{server.root}/v1/models").json()["data"]]
    assert not any(name.startswith("rlaif-") for name in names)


@pytest.mark.heavy
def test_a_server_that_takes_adapters_alone_is_refused_for_whole_weights(server: Server) -> None:
    sampler = open_sampler(server.root)
    assert sampler is not None
    with pytest.raises(ModelError, match="takes no new weights"):
        sampler.prepare(plan())
    sampler.close()
