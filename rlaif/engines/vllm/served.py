"""A vLLM server that draws for a policy which is trained here: what it is asked, and how it is handed new weights.

Token ids go in and token ids come out, each draw with its own seed, at the model's own distribution. New weights are
files that the server can read: a LoRA adapter, which any vLLM takes that lets adapters be loaded while it runs, or a
whole model, which vLLM's development endpoints take.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from rlaif.engines.samplers import Handed, ReadText, SamplerPlan, TokenDraw, TokenText
from rlaif.engines.vllm.open import adapter_rank
from rlaif.errors import EngineError, ModelError
from rlaif.hashing import digest

AT_ONCE = 64
"""Draws under way; vLLM queues what it cannot compute together."""
TRIES = 3
ANSWER_S = 900.0
MOST_TOLD = 300
"""Characters of a server's words that are shown."""
LOAD_ADAPTER, UNLOAD_ADAPTER = "/v1/load_lora_adapter", "/v1/unload_lora_adapter"
CALL_WORKERS, PAUSE, RESUME = "/collective_rpc", "/pause", "/resume"
FORGET_PREFIXES, SAY_VERSION, TELL_VERSION = "/reset_prefix_cache", "/update_weight_version", "/weight_info"
FOR_WEIGHTS = (CALL_WORKERS, PAUSE, RESUME, FORGET_PREFIXES, SAY_VERSION, TELL_VERSION)
REMEDY = (
    "start it with VLLM_SERVER_DEV_MODE=1 in its environment (it then takes whole models, from whoever reaches it), or "
    "train an adapter (--lora) and start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and --enable-lora"
)


class ServedVllm:
    """The sampler behind one address."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        key: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`url` is without /v1; `transport` is another way to it than by TCP."""
        self.name = name
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(ANSWER_S, connect=10.0),
            limits=httpx.Limits(max_connections=AT_ONCE),
            # beside the training, not behind a proxy
            trust_env=False,
            transport=transport,
        )
        self._plan: SamplerPlan | None = None
        self._handed: Handed = "weights"
        self._model = ""
        self._version = ""

    def prepare(self, plan: SamplerPlan) -> Handed:
        """An adapter where one is trained and the server takes one, else whole weights."""
        paths = self._paths()
        self._plan = plan
        self._model = self._served(plan)
        if plan.rank and LOAD_ADAPTER in paths:
            self._handed = "adapter"
        elif lacking := [each for each in FOR_WEIGHTS if each not in paths]:
            raise ModelError(f"{self.name} takes no new weights (it has no {lacking[0]}); {REMEDY}")
        else:
            self._handed = "weights"
        return self._handed

    def answers(self) -> bool:
        """Whether it is there and ready."""
        try:
            return self._client.get("/health").is_success
        except httpx.HTTPError:
            return False

    def load(self, directory: Path, version: str) -> None:
        """Hand over what lies in a directory that the server reads too."""
        if self._handed == "adapter":
            self._load_adapter(directory, version)
            return
        self._post(PAUSE, params={"mode": "wait"})
        try:
            self._post(
                CALL_WORKERS,
                json={"method": "reload_weights", "kwargs": {"weights_path": str(directory)}},
                failed=f"did not take the weights of {directory}, which it must be able to read; it may have to be "
                "started anew",
                tries=1,
            )
            # what was computed of shared beginnings is of the weights before
            self._post(FORGET_PREFIXES)
        finally:
            self._resume()
        self.say_version(version)

    def say_version(self, version: str) -> None:
        """Note at the server which weights it has, so that another training's hand-over is seen."""
        self._post(SAY_VERSION, json={"new_version": version})
        self._version = version

    def draw(self, draws: Sequence[TokenDraw]) -> list[TokenText]:
        """All at once; the server batches them."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(self._draw, draws))
        self._check_version()
        return found

    def read(self, texts: Sequence[ReadText]) -> list[tuple[float, ...]] | None:
        """One after the other, and not where adapters are loaded: vLLM does not stand prompts' figures beside those."""
        return None if self._handed == "adapter" else [self._read(each) for each in texts]

    def close(self) -> None:
        """Close the connections, and unload the adapter that was loaded."""
        if self._handed == "adapter" and self._version:
            # a server that is gone has unloaded it
            with suppress(EngineError):
                self._post(UNLOAD_ADAPTER, json={"lora_name": self._version}, tries=1)
        self._client.close()

    def _load_adapter(self, directory: Path, version: str) -> None:
        # a name of its own: whoever asks for it gets this adapter or a refusal, never the one before
        name = f"rlaif-{digest('weights', version)[-12:]}-{secrets.token_hex(4)}"
        self._post(
            LOAD_ADAPTER,
            json={"lora_name": name, "lora_path": str(directory)},
            failed=f"did not take the adapter of {directory}: it must be able to read that directory, and be started "
            f"with --enable-lora --max-lora-rank {adapter_rank(directory)}",
        )
        before, self._version = self._version, name
        if before:
            self._post(UNLOAD_ADAPTER, json={"lora_name": before})

    def _draw(self, draw: TokenDraw) -> TokenText:
        plan = self._planned
        body = {
            "model": self._version if self._handed == "adapter" else self._model,
            "prompt": list(draw.prompt),
            "max_tokens": draw.room,
            "temperature": plan.temperature,
            "seed": draw.seed & ((1 << 63) - 1),
            # all said: what a request leaves open a server takes from the model's own files
            "top_p": 1.0,
            "top_k": 0,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "ignore_eos": True,
            "stop_token_ids": sorted(plan.ends),
            "skip_special_tokens": False,
            "logprobs": 0,
            "return_token_ids": True,
        }
        choice = self._choice(body)
        ids, told = choice.get("token_ids"), (choice.get("logprobs") or {}).get("token_logprobs")
        if not ids or not told or len(ids) != len(told) or not all(map(_is_number, told)):
            raise EngineError(
                f"{self.name} gave no token ids with their log-probabilities; it must be vLLM, 0.32 or newer"
            )
        text = TokenText(tuple(ids), tuple(map(float, told)))
        if text.ids[-1] not in plan.ends and len(text.ids) < draw.room:
            raise EngineError(
                f"{self.name} ended an answer after {len(ids)} of {draw.room} tokens without an end token "
                f"({choice.get('finish_reason')}): see its log"
            )
        return text

    def _read(self, text: ReadText) -> tuple[float, ...]:
        body = {
            "model": self._model,
            "prompt": [*text.prompt, *text.ids],
            "max_tokens": 1,
            "temperature": 1.0,
            "prompt_logprobs": 0,
        }
        told = self._choice(body).get("prompt_logprobs") or ()
        try:
            places = told[len(text.prompt) :]
            return tuple(
                float(place[str(token)]["logprob"]) for token, place in zip(text.ids, places, strict=True)
            )
        except (KeyError, TypeError, ValueError) as problem:
            raise EngineError(
                f"{self.name} gave no log-probabilities of a prompt; it must be vLLM, 0.32 or newer"
            ) from problem

    def _choice(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        found = self._post("/v1/completions", json=body)
        choices = found.get("choices") if isinstance(found, Mapping) else None
        return choices[0] if choices else {}

    def _check_version(self) -> None:
        if self._handed == "adapter":
            return
        told = self._ask("GET", TELL_VERSION).get("weight_version")
        if told != self._version:
            raise EngineError(
                f"{self.name} has the weights {told!r}, and was handed {self._version!r}: another training uses it, or "
                "it was started anew; give each training a server of its own"
            )

    def _paths(self) -> frozenset[str]:
        """What the server can be asked for."""
        try:
            return frozenset(self._ask("GET", "/openapi.json", tries=1)["paths"])
        except (KeyError, TypeError) as problem:
            raise ModelError(
                f"{self.name} does not say what it can be asked for (/openapi.json); it must be vLLM, 0.32 or newer, "
                "started without --disable-fastapi-docs"
            ) from problem

    def _served(self, plan: SamplerPlan) -> str:
        """The model that it serves, adapters apart."""
        told = self._ask("GET", "/v1/models")
        rows = told.get("data", ()) if isinstance(told, Mapping) else ()
        found = [
            each for each in rows if isinstance(each, Mapping) and "id" in each and not each.get("parent")
        ]
        if not found:
            raise ModelError(f"{self.name} names no model that it serves (/v1/models); it must be vLLM")
        room = found[0].get("max_model_len")
        if room is not None and room < plan.context:
            raise ModelError(
                f"{self.name} has room for {room} tokens, and the longest prompt with its answer takes {plan.context}; "
                f"start it with --max-model-len {plan.context}, or lower max_tokens"
            )
        return str(found[0]["id"])

    @property
    def _planned(self) -> SamplerPlan:
        assert self._plan is not None, "a sampler is prepared before it is asked"
        return self._plan

    def _resume(self) -> None:
        # what went wrong before says more than that a dead server does not go on
        with suppress(EngineError):
            self._post(RESUME, tries=1)

    def _post(self, path: str, **how: Any) -> Any:
        return self._ask("POST", path, **how)

    def _ask(self, verb: str, path: str, *, tries: int = TRIES, failed: str = "", **sent: Any) -> Any:
        """What the server answers. Raises EngineError where it does not, after a few tries."""
        for number in range(1, tries + 1):
            try:
                answer = self._client.request(verb, path, **sent)
            except httpx.HTTPError as problem:
                why = f"cannot be reached ({str(problem) or type(problem).__name__}): start it, or correct its address"
            else:
                if answer.is_success:
                    return _json(answer)
                why = f"{failed or f'refused {path}'} ({answer.status_code}: {_words(answer)})"
                if answer.status_code < 500 and answer.status_code != 429:
                    break
            if number < tries:
                time.sleep(2.0 ** (number - 1))
        raise EngineError(f"{self.name} {why}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return {}


def _words(answer: httpx.Response) -> str:
    """What a server says of a refusal, in one line."""
    found = _json(answer)
    error = found.get("error", found) if isinstance(found, Mapping) else found
    words = error.get("message") if isinstance(error, Mapping) else None
    told = " ".join(str(words or answer.text).split())
    return told if len(told) <= MOST_TOLD else told[: MOST_TOLD - 3] + "..."
