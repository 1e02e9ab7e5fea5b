"""Models behind an OpenAI-compatible server. The address is where a model is reached, never what it is."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

import httpx

from rlaif.errors import ModelError
from rlaif.hashing import digest
from rlaif.records import GenerateRequest, Generation, Score, ScoreRequest, Usage

KEY_VARIABLE = "RLAIF_KEY_VARIABLE"
"""Environment variable that names the variable which holds the key; without it, OPENAI_API_KEY."""
AT_ONCE = 16
TRIES = 4
TIMEOUT_S = 600.0
TOP = 20
"""Candidates for the first token that servers give at most."""
FLOOR = 1e-30
"""Probability of a label that is not among them: the mass of the labels then says how little is known."""
Request = TypeVar("Request", GenerateRequest, ScoreRequest)
Reply = TypeVar("Reply", Generation, Score)


class OpenAIEngine:
    """One model of one server. Its fingerprint is what the user declares: model and revision."""

    def __init__(
        self,
        name: str,
        base_url: str,
        model: str,
        revision: str,
        *,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self.model = model
        self.kwargs = dict(chat_template_kwargs or {})
        self.fingerprint = digest("server", model, revision, self.kwargs)
        key = os.environ.get(os.environ.get(KEY_VARIABLE, "OPENAI_API_KEY"))
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(
            base_url=base_url, headers=headers, timeout=TIMEOUT_S, transport=transport
        )
        self._pause = pause

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """Draw one text a request."""
        return self._each(requests, self._draw)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Log-probabilities of continuations of one token, as far as the server tells them."""
        return self._each(requests, self._weigh)

    def _each(self, requests: Iterable[Request], ask: Callable[[Request], Reply]) -> Iterator[Reply]:
        stream = iter(requests)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while window := list(islice(stream, 4 * AT_ONCE)):
                yield from pool.map(ask, window)

    def _draw(self, request: GenerateRequest) -> Generation:
        how = request.sampling
        body: dict[str, Any] = {
            "messages": [{"role": each.role, "content": each.content} for each in request.messages],
            "temperature": how.temperature,
            "top_p": how.top_p,
            "max_tokens": how.max_tokens,
            "seed": request.seed & 0x7FFFFFFF,
        }
        if how.stop:
            body["stop"] = list(how.stop)
        if request.schema is not None:
            wanted = {"name": "reply", "schema": dict(request.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        choice, usage = self._post(body)
        if isinstance(choice, str):
            return Generation(request_id=request.id, text="", finish="stop", error=choice)
        text = choice.get("message", {}).get("content")
        if not isinstance(text, str):
            return Generation(request_id=request.id, text="", finish="stop", error="the server sent no text")
        finish = "length" if choice.get("finish_reason") == "length" else "stop"
        return Generation(
            request_id=request.id, text=text, finish="length" if finish == "length" else "stop", usage=usage
        )

    def _weigh(self, request: ScoreRequest) -> Score:
        messages = [{"role": each.role, "content": each.content} for each in request.messages]
        body: dict[str, Any] = {"messages": messages, "max_tokens": 1, "temperature": 1.0}
        body |= {"logprobs": True, "top_logprobs": TOP}
        if request.assistant_prefix:
            messages.append({"role": "assistant", "content": request.assistant_prefix})
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        choice, usage = self._post(body)
        if isinstance(choice, str):
            return Score(request_id=request.id, logprobs=(), error=choice)
        first = ((choice.get("logprobs") or {}).get("content") or [{}])[0].get("top_logprobs")
        if not first:
            error = "the server gives no log-probabilities; use a protocol that reads text (compare-cot)"
            return Score(request_id=request.id, logprobs=(), error=error)
        known = {each["token"]: float(each["logprob"]) for each in first}
        logprobs = tuple(known.get(text, math.log(FLOOR)) for text in request.continuations)
        return Score(request_id=request.id, logprobs=logprobs, usage=usage)

    def _post(self, body: dict[str, Any]) -> tuple[dict[str, Any] | str, Usage]:
        """The first choice and the tokens used, or why there is none."""
        body["model"] = self.model
        if self.kwargs:
            body["chat_template_kwargs"] = self.kwargs
        problem = ""
        for number in range(TRIES):
            wait = 2.0**number
            try:
                answer = self._client.post("chat/completions", json=body)
            except httpx.HTTPError as failure:
                problem = f"{type(failure).__name__}: {failure}"
            else:
                if answer.status_code == httpx.codes.OK:
                    return _choice(answer)
                problem = f"status {answer.status_code}: {answer.text[:200]}"
                if answer.status_code != httpx.codes.TOO_MANY_REQUESTS and answer.status_code < 500:
                    break
                wait = _retry_after(answer, wait)
            if number + 1 < TRIES:
                self._pause(wait)
        return problem, Usage()


def open_openai(name: str, rest: str, *, chat_template_kwargs: Mapping[str, Any] | None) -> OpenAIEngine:
    """The engine of `<base url>#<model>@<revision>`."""
    base_url, _, model = rest.partition("#")
    model, _, revision = model.rpartition("@") if "@" in model else (model, "", "")
    if not base_url.startswith(("http://", "https://")) or not model:
        raise ModelError(f"{name}: a server is named as openai:http://<host>:<port>/v1#<model>@<revision>")
    if not revision:
        raise ModelError(
            f"{name}: say which revision of the model the server runs: {name}@<revision>; any word will do that "
            "you change when the model changes, as recorded answers are re-used under it"
        )
    base_url = base_url if base_url.endswith("/") else base_url + "/"
    return OpenAIEngine(name, base_url, model, revision, chat_template_kwargs=chat_template_kwargs)


def _choice(answer: httpx.Response) -> tuple[dict[str, Any] | str, Usage]:
    try:
        body = answer.json()
        choice, used = body["choices"][0], body.get("usage") or {}
    except (ValueError, KeyError, IndexError, TypeError):
        return f"the server sent what is no completion: {answer.text[:200]}", Usage()
    return choice, Usage(
        prompt_tokens=int(used.get("prompt_tokens") or 0),
        completion_tokens=int(used.get("completion_tokens") or 0),
    )


def _retry_after(answer: httpx.Response, default: float) -> float:
    said = answer.headers.get("retry-after", "")
    return min(float(said), 60.0) if said.isdecimal() else default
