"""The review page: pairs one by one, judged by a person without knowing the label. Loopback, and one token.

What models wrote is text: templates escape it, and the content policy lets no script run but our own file.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from rlaif.review.index import Filter, PairIndex, sides
from rlaif.store import Store
from rlaif.store.decisions import TIE, Decision, decisions, put_decision, undo_decision

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

PAGES = Path(__file__).with_name("pages")
PAGE_SIZE = 50
COOKIE = "rlaif_review"
MAX_BODY = 64_000
MAX_NOTE = 4_000
LOCAL = ("127.0.0.1", "localhost", "[::1]", "testserver")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with `no-referrer` a browser would send our own forms as from nowhere
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(slots=True, kw_only=True)
class Desk:
    """What one review works on."""

    index: PairIndex
    store: Store
    reviewer: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def form_key(self) -> str:
        """Stands in every form: another site may send a cookie, but cannot read this."""
        return hmac.new(self.token.encode(), b"rlaif review form", "sha256").hexdigest()

    def standing(self) -> dict[str, Decision]:
        """What this reviewer has said, by pair."""
        return {each.pair: each for each in decisions(self.store) if each.reviewer == self.reviewer}


def make_app(desk: Desk) -> Starlette:
    """The application; `serve` runs it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse
    from starlette.routing import Route

    pages = Environment(loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined)

    def page(name: str, status: int = 200, **values: Any) -> Response:
        return HTMLResponse(pages.get_template(name).render(**values), status_code=status)

    def listed(request: Request) -> Response:
        chosen = _filter(request.query_params)
        standing = desk.standing()
        places = _places(desk, chosen, standing)
        number = max(1, _number(request.query_params.get("page"), 1))
        shown = places[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        return page(
            "list.html.j2",
            **_common(desk, chosen, standing),
            rows=[
                (place, desk.index.entries[place], standing.get(desk.index.entries[place].id))
                for place in shown
            ],
            count=len(places),
            page=number,
            pages=max(1, -(-len(places) // PAGE_SIZE)),
        )

    def shown(request: Request) -> Response:
        place = request.path_params["place"]
        if place >= len(desk.index.entries):
            return PlainTextResponse("there is no such pair", status_code=404)
        chosen = _filter(request.query_params)
        standing = desk.standing()
        return page("pair.html.j2", **_common(desk, chosen, standing), **_pair(desk, place, chosen, standing))

    async def said(request: Request) -> Response:
        body = await _form(request)
        if body is None or not hmac.compare_digest(body.get("key", ""), desk.form_key):
            return PlainTextResponse("this form is not of this page; open it again", status_code=403)
        place = _number(body.get("place"), -1)
        if not 0 <= place < len(desk.index.entries):
            return PlainTextResponse("there is no such pair", status_code=404)
        if not _say(desk, place, body):
            return PlainTextResponse("say a, b, tie, flag, note or undo", status_code=400)
        chosen = _filter(body)
        stays = body.get("say") in ("undo", "flag", "note")
        target = place if stays else _after(desk, place, chosen)
        return RedirectResponse(f"/pair/{target}?{_query(chosen)}", status_code=303)

    def asset(request: Request) -> Response:
        name = request.path_params["name"]
        kinds = {"review.css": "text/css", "review.js": "text/javascript"}
        if name not in kinds:
            return PlainTextResponse("not here", status_code=404)
        return FileResponse(PAGES / name, media_type=kinds[name])

    return Starlette(
        routes=[
            Route("/", listed),
            Route("/pair/{place:int}", shown),
            Route("/say", said, methods=["POST"]),
            Route("/assets/{name}", asset),
        ],
        middleware=[Middleware(_Guard, desk=desk)],
    )


class _Guard:
    """Lets in who has the token, on this machine, and nobody else; puts the headers on every answer."""

    def __init__(self, app: Any, desk: Desk) -> None:
        self.app, self.desk = app, desk

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.requests import Request
        from starlette.responses import PlainTextResponse, RedirectResponse

        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.lower().encode(), value.encode()) for name, value in HEADERS.items()),
                ]
            await send(message)

        request = Request(scope)
        refused = self._refusal(request)
        if refused is not None:
            await PlainTextResponse(refused, status_code=403)(scope, receive, with_headers)
            return
        offered = request.query_params.get("token")
        if offered is not None:
            rest = urlencode(
                [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
            )
            answer = RedirectResponse(
                f"{request.url.path}?{rest}" if rest else request.url.path, status_code=303
            )
            answer.set_cookie(COOKIE, offered, httponly=True, samesite="strict")
            await answer(scope, receive, with_headers)
            return
        await self.app(scope, receive, with_headers)

    def _refusal(self, request: Request) -> str | None:
        host = request.headers.get("host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if name not in LOCAL:
            # a name that was made to point here would carry this machine's cookies elsewhere
            return "this page answers to 127.0.0.1 only"
        origin = request.headers.get("origin")
        if request.method != "GET" and origin is not None and urlsplit(origin).netloc != host:
            return "this request comes from another site"
        token = request.query_params.get("token") or request.cookies.get(COOKIE, "")
        if not hmac.compare_digest(token.encode(), self.desk.token.encode()):
            return "no token: open the address that `rlaif review` printed"
        return None


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form, or None where it is too long or no form."""
    from urllib.parse import parse_qsl

    data = b""
    async for part in request.stream():
        data += part
        if len(data) > MAX_BODY:
            return None
    try:
        return dict(parse_qsl(data.decode("utf-8"), keep_blank_values=True))
    except UnicodeDecodeError:
        return None


def _say(desk: Desk, place: int, body: Mapping[str, str]) -> bool:
    """Keep what was said; False for what cannot be said."""
    entry = desk.index.entries[place]
    said = body.get("say", "")
    if said == "undo":
        undo_decision(desk.store, entry.id, desk.reviewer)
        return True
    held = desk.standing().get(entry.id) or Decision(pair=entry.id, reviewer=desk.reviewer)
    held = replace(held, note=body.get("note", held.note)[:MAX_NOTE])
    (first, _), (second, _) = sides(desk.index.pair(place))
    preferred = {"a": first, "b": second, "tie": TIE}
    if said in preferred:
        held = replace(held, prefers=preferred[said])
    elif said == "flag":
        held = replace(held, flag=not held.flag)
    elif said != "note":
        return False
    put_decision(desk.store, held)
    return True


def _common(desk: Desk, chosen: Filter, standing: Mapping[str, Decision]) -> dict[str, Any]:
    return {
        "run": str(desk.index.run),
        "reviewer": desk.reviewer,
        "filter": chosen,
        "query": _query(chosen),
        "principles": desk.index.principles,
        "rounds": desk.index.rounds,
        "done": sum(each.id in standing for each in desk.index.entries) if standing else 0,
        "total": len(desk.index.entries),
        "key": desk.form_key,
    }


def _pair(desk: Desk, place: int, chosen: Filter, standing: Mapping[str, Decision]) -> dict[str, Any]:
    from rlaif.auditing.differences import differences

    pair = desk.index.pair(place)
    (first, one), (second, other) = sides(pair)
    left, right = differences(one, other)
    said = standing.get(pair.id)
    chosen_side = "A" if pair.chosen[-1].content == one else "B"
    prefers = {first: "A", second: "B", TIE: "tie"}.get(said.prefers or "", "") if said else ""
    places = _places(desk, chosen, standing)
    near = _near(places, place)
    return {
        "pair": pair,
        "place": place,
        "sides": (("A", left), ("B", right)),
        "said": said,
        "prefers": prefers,
        "label_side": chosen_side,
        "number": near[2],
        "count": len(places),
        "before": near[0],
        "after": near[1],
    }


def _places(desk: Desk, chosen: Filter, standing: Mapping[str, Decision]) -> list[int]:
    flagged = {name for name, each in standing.items() if each.flag}
    return desk.index.select(chosen, flagged, standing.keys())


def _near(places: list[int], place: int) -> tuple[int | None, int | None, int | None]:
    """The places before and after in what is walked, and the number of this one in it (from 1), if it is in it."""
    from bisect import bisect_left

    at = bisect_left(places, place)
    here = at < len(places) and places[at] == place
    before = places[at - 1] if at > 0 else None
    after_at = at + 1 if here else at
    return before, places[after_at] if after_at < len(places) else None, at + 1 if here else None


def _after(desk: Desk, place: int, chosen: Filter) -> int:
    """Where a decision leads: the next pair of the walk, or this one at its end."""
    after = _near(_places(desk, chosen, desk.standing()), place)[1]
    return place if after is None else after


def _filter(values: Mapping[str, str]) -> Filter:
    return Filter(
        principle=values.get("principle", ""),
        doubtful=values.get("doubtful") == "1",
        inconsistent=values.get("inconsistent") == "1",
        flagged=values.get("flagged") == "1",
        open=values.get("open") == "1",
        round=None if not values.get("round") else _number(values.get("round"), -1),
        text=values.get("text", "")[:500],
    )


def _query(chosen: Filter) -> str:
    marks = {name: "1" for name in ("doubtful", "inconsistent", "flagged", "open") if getattr(chosen, name)}
    texts = {name: getattr(chosen, name) for name in ("principle", "text") if getattr(chosen, name)}
    number = {} if chosen.round is None else {"round": str(chosen.round)}
    return urlencode({**texts, **marks, **number})


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else default
