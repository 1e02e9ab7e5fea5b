"""Asking a reward server over HTTP, patiently."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from email.message import Message as Headers
from http.client import HTTPException
from time import sleep
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

AGAIN = (429, 502, 504)
"""Statuses after which the same request is sent again: the server, or one before it, is busy."""


class RewardServerError(RuntimeError):
    """No rewards came: the server refused, failed or cannot be reached. Nothing of it is a number."""


class RewardServer:
    """A reward server at an address, such as `http://127.0.0.1:8088`."""

    def __init__(
        self, address: str, *, token_env: str | None = None, timeout_s: float = 1800.0, tries: int = 20
    ) -> None:
        """`token_env` names the environment variable that holds the token; it is read at each request.

        `timeout_s` is how long a judge may take for one request. `tries`: how often a busy or unreachable server is
        asked; a pause of up to a minute lies between two.
        """
        self.address, self.token_env = address.rstrip("/"), token_env
        self.timeout_s, self.tries = timeout_s, tries

    def ask(self, shape: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The server's answer to a request of one wire shape. Raises RewardServerError."""
        # rollouts go to the address that was named, through no proxy that a variable names
        opener, said = build_opener(ProxyHandler({})), ""
        data = json.dumps(body).encode()
        for number in range(self.tries):
            request = Request(f"{self.address}/{shape}", data, self._headers(), method="POST")
            pause = min(60.0, 0.5 * 2**number)
            try:
                with opener.open(request, timeout=self.timeout_s) as answer:
                    return self._object(answer.read())
            except HTTPError as refused:
                said = f"status {refused.code}: {_error(refused)}"
                if refused.code not in AGAIN:
                    break
                pause = _wait(refused.headers, pause)
            except (URLError, HTTPException, OSError) as wrong:
                said = str(getattr(wrong, "reason", "") or wrong or type(wrong).__name__)
            if number + 1 < self.tries:
                sleep(pause)
        raise RewardServerError(f"{self.address}: no rewards ({said})")

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self.token_env is not None:
            token = os.environ.get(self.token_env, "").strip()
            if not token:
                raise RewardServerError(f"the variable {self.token_env} with the server's token is not set")
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def _object(self, data: bytes) -> dict[str, Any]:
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RewardServerError(f"{self.address}: answers with something that is no JSON object")
        return found


def _error(refused: HTTPError) -> str:
    """What the server says, in its own sentence where it is ours; cut short."""
    try:
        told = json.loads(refused.read(10_000)).get("error")
    except (ValueError, AttributeError, OSError):
        told = None
    return str(told or refused.reason)[:300]


def _wait(headers: Headers, pause: float) -> float:
    said = headers.get("Retry-After", "")
    return min(60.0, float(said)) if said.isdecimal() else pause
