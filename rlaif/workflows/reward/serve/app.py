"""The addresses of a reward server: one for each wire shape, and `/health`. Everything that comes in has a bound.

No text of a request is logged or kept here. The store keeps the judge's calls, as for every command.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

from rlaif.errors import InputError, RlaifError
from rlaif.plain_files import decoded, parse_json
from rlaif.review.body import read_body
from rlaif.workflows.reward.serve.admission import refusal
from rlaif.workflows.reward.serve.batches import Batches, Found
from rlaif.workflows.reward.serve.config import ServeRewardConfig
from rlaif.workflows.reward.serve.privacy import shown
from rlaif.workflows.reward.serve.shape import AskedRows, WireShape
from rlaif.workflows.reward.serve.shapes import SHAPES

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

BODY_S = 30.0
"""Seconds in which a body must have come: whoever sends more slowly holds a place that others wait for."""
MOST_WAIT_S = 60
"""Seconds after which whoever was turned away is told to come again, at most."""
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class RewardDesk:
    """What one reward server works with, and what it has counted."""

    batches: Batches
    config: ServeRewardConfig
    token: str | None
    about: Mapping[str, Any]
    """What `/health` says of the judge."""
    calls: Callable[[], Mapping[str, int]]
    """Calls of models that were made, re-used from the store, and failed."""
    body_s: float = BODY_S
    under_way: int = 0
    """Requests that were let in and have no answer yet."""
    counts: Counter[str] = field(default_factory=Counter)
    """`requests`, their `rows`, and how many of these `failed`; `refused` requests."""


class RefusedRequest(Exception):
    """A request that gets no rewards: a status, a sentence, and headers."""

    def __init__(self, status: int, says: str, **headers: str) -> None:
        super().__init__(says)
        self.status, self.says, self.headers = status, says, headers


def make_reward_app(desk: RewardDesk) -> Starlette:
    """The application that answers."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    pages = _Addresses(desk)
    return Starlette(
        routes=[
            Route("/health", pages.health),
            Route("/{shape}", pages.rewards, methods=["POST"]),
        ]
    )


class _Addresses:
    """The answers to each address."""

    def __init__(self, desk: RewardDesk) -> None:
        self.desk = desk

    async def health(self, request: Request) -> Response:
        """That it answers; to whoever may ask for rewards also what of, and how many there were."""
        desk = self.desk
        if refusal(request, desk.token) is not None:
            return _json({"status": "ok"})
        counts = {name: desk.counts[name] for name in ("requests", "rows", "failed", "refused")}
        told = {**desk.about, **counts, "under_way": desk.under_way, "calls": desk.calls()}
        return _json({"status": "ok", **told})

    async def rewards(self, request: Request) -> Response:
        """The rewards of a request's rows, in the shape of its address."""
        desk = self.desk
        try:
            shape = self._admitted(request)
            desk.under_way += 1
            try:
                return _json(await self._answer(request, shape))
            finally:
                desk.under_way -= 1
        except RefusedRequest as refused:
            desk.counts["refused"] += 1
            headers = {name.replace("_", "-"): value for name, value in refused.headers.items()}
            return _json({"error": refused.says}, refused.status, headers)

    def _admitted(self, request: Request) -> WireShape:
        """The shape of an address whose request may be read. Raises RefusedRequest."""
        desk, limits = self.desk, self.desk.config
        if (refused := refusal(request, desk.token)) is not None:
            status, says = refused
            raise RefusedRequest(status, says, **({"WWW_Authenticate": "Bearer"} if status == 401 else {}))
        name = request.path_params["shape"]
        if name not in SHAPES:
            raise RefusedRequest(
                404, f"no such address; there are {', '.join(f'/{each}' for each in SHAPES.names())}"
            )
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":  # the one kind that a web page cannot send without asking first
            raise RefusedRequest(415, "send JSON: Content-Type: application/json")
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and (len(length) > 18 or int(length) > limits.max_body):
            raise RefusedRequest(413, self._too_large())
        if desk.under_way >= limits.max_requests:
            wait = min(MOST_WAIT_S, max(1, ceil(desk.batches.last_s)))
            says = f"{desk.under_way} requests are under way; come again in {wait} s"
            raise RefusedRequest(429, says, Retry_After=str(wait))
        return SHAPES.get(name)

    async def _answer(self, request: Request, shape: WireShape) -> Mapping[str, Any]:
        desk = self.desk
        body = await self._body(request)
        try:
            rows = shape.read(body)
        except InputError as wrong:
            raise RefusedRequest(422, str(wrong)) from None
        found: Found | BaseException = await desk.batches.scored(rows) if len(rows) else []
        if isinstance(found, BaseException):
            raise _failed(found, rows)
        desk.counts.update(requests=1, rows=len(rows), failed=sum(each is None for each in found))
        return shape.write(body, found)

    async def _body(self, request: Request) -> Mapping[str, Any]:
        """The object that was sent. Raises RefusedRequest for one that is too large, comes too slowly, or is none."""
        from starlette.requests import ClientDisconnect

        limits = self.desk.config
        try:
            async with asyncio.timeout(self.desk.body_s):
                data = await read_body(request, limits.max_body)
        except TimeoutError:
            raise RefusedRequest(408, f"the body did not come within {self.desk.body_s:g} s") from None
        except ClientDisconnect:
            raise RefusedRequest(400, "the body broke off") from None
        if data is None:
            raise RefusedRequest(413, self._too_large())
        try:
            value = parse_json(
                decoded(data, "the body", InputError), "the body", InputError, "send one JSON object"
            )
        except InputError as wrong:
            raise RefusedRequest(422, str(wrong)) from None
        if not isinstance(value, dict):
            raise RefusedRequest(422, "the body must be one JSON object")
        most = max((len(each) for each in value.values() if isinstance(each, list)), default=0)
        if most > limits.max_rows:
            raise RefusedRequest(
                413, f"{most} rows; at most {limits.max_rows} (--max-rows): send several requests"
            )
        return value

    def _too_large(self) -> str:
        return f"more than {self.desk.config.max_body:,} bytes (--max-body): send several requests"


def _failed(problem: BaseException, rows: AskedRows) -> RefusedRequest:
    """Why none of these rows could be judged, without their texts: trainers log it too."""
    reason = str(problem) if isinstance(problem, RlaifError) else type(problem).__name__
    said = shown(reason, rows.prompts, rows.completions)
    _log.warning("%d rows could not be judged: %s", len(rows), said)
    status = 422 if isinstance(problem, InputError) else 503 if isinstance(problem, RlaifError) else 500
    return RefusedRequest(status, f"could not be judged: {said}")


def _json(value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(value, status, {"Cache-Control": "no-store", **(headers or {})})
