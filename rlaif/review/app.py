"""The review page: pairs one by one, judged by a person without knowing the label. Loopback, and one token.

What models wrote is text: templates escape it, and the content policy lets no script run but our own file.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from rlaif.records import Constitution, Pair, Principle
from rlaif.review.body import read_body
from rlaif.review.decided import decision_rows, review_standing
from rlaif.review.environment import PAGES, page_environment
from rlaif.review.guard import Guard, same_secret
from rlaif.review.index import Filter, PairIndex, sides
from rlaif.review.provenance import provenance_rows
from rlaif.store import Store
from rlaif.store.decisions import (
    TIE,
    ReviewDecision,
    decisions,
    has_seen,
    put_decision,
    put_seen,
    undo_decision,
)

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

PAGE_SIZE = 50
MAX_BODY = 64_000
MAX_NOTE = 4_000
THEME = "rlaif_theme"
"""The cookie that says which scheme the reader wants."""
ASSETS = {"review.css": "text/css", "review.js": "text/javascript", "icon.svg": "image/svg+xml"}


@dataclass(slots=True, kw_only=True)
class Desk:
    """What one review works on, and where its pages lie."""

    index: PairIndex
    store: Store
    reviewer: str
    token: str = field(default_factory=lambda: new_token())
    base: str = ""
    """What stands before `/pair/0` in an address."""
    home: str = "/"
    """The address of the list."""
    constitution: Constitution | None = None
    """The one that the pairs were judged by."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Of the run's models, by their fingerprints."""
    shell: Mapping[str, Any] = field(default_factory=dict)
    """What stands around a page, where it is one of a project's."""

    @property
    def form_key(self) -> str:
        """Stands in every form: another site may send a cookie, but cannot read this."""
        return hmac.new(self.token.encode(), b"rlaif review form", "sha256").hexdigest()

    def standing(self) -> dict[str, ReviewDecision]:
        """What this reviewer has said, by pair."""
        return {each.pair: each for each in decisions(self.store) if each.reviewer == self.reviewer}


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)


def theme_of(request: Request) -> str:
    """`dark` or `light` where the reader has chosen one, else nothing: the system's."""
    said = request.cookies.get(THEME, "")
    return said if said in ("dark", "light") else ""


def make_app(desk: Desk) -> Starlette:
    """The application; `rlaif.workflows.datasets.review.serve` runs it."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import Route

    pages = ReviewPages(desk)
    return Starlette(
        routes=[
            Route("/", pages.listed),
            Route("/pair/{place:int}", pages.shown),
            Route("/pair-id/{id}", pages.found),
            Route("/say", pages.said, methods=["POST"]),
            Route("/decisions.jsonl", pages.exported),
            Route("/assets/{name}", pages.asset),
        ],
        middleware=[Middleware(Guard, token=desk.token)],
    )


class ReviewPages:
    """The answers to each address."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.pages = page_environment()

    def listed(self, request: Request) -> Response:
        """Fifty pairs of those that pass the filter."""
        desk, chosen = self.desk, _filter(request.query_params)
        standing = desk.standing()
        places = _places(desk, chosen, standing)
        number = max(1, _number(request.query_params.get("page"), 1))
        entries = [
            (place, desk.index.entry(place))
            for place in places[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        ]
        return self._page(
            request,
            "list.html.j2",
            **_common(desk, chosen, standing),
            standing=review_standing(desk.index, decisions(desk.store), desk.reviewer),
            rows=[(place, entry, standing.get(entry.id)) for place, entry in entries],
            count=len(places),
            page=number,
            pages=max(1, -(-len(places) // PAGE_SIZE)),
        )

    def shown(self, request: Request) -> Response:
        """One pair."""
        place = request.path_params["place"]
        if place >= len(self.desk.index):
            return _text("there is no such pair", 404)
        chosen, standing = _filter(request.query_params), self.desk.standing()
        common = _common(self.desk, chosen, standing)
        said = [each for each in decisions(self.desk.store) if each.reviewer == self.desk.reviewer]
        told = review_standing(self.desk.index, said, self.desk.reviewer)
        pair = _pair(self.desk, place, chosen, standing)
        return self._page(request, "pair.html.j2", standing=told, **common, **pair)

    def found(self, request: Request) -> Response:
        """The pair of an id, wherever it stands now: an address that can be kept."""
        from starlette.responses import RedirectResponse

        place = self.desk.index.places.get(request.path_params["id"])
        return (
            _text("there is no such pair", 404)
            if place is None
            else RedirectResponse(f"{self.desk.base}/pair/{place}")
        )

    def exported(self, request: Request) -> Response:
        """All decisions on these pairs, as lines of JSON that `rlaif import` reads."""
        from starlette.responses import Response

        rows = decision_rows(self.desk.index, decisions(self.desk.store))
        text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        name = {"content-disposition": 'attachment; filename="decisions.jsonl"'}
        return Response(text.encode("utf-8", "replace"), media_type="application/x-ndjson", headers=name)

    async def said(self, request: Request) -> Response:
        """A person's word; leads to the next pair."""
        from starlette.responses import RedirectResponse

        desk, body = self.desk, await _form(request)
        if body is None or not same_secret(body.get("key", ""), desk.form_key):
            return _text("this form is not of this page; open it again", 403)
        place = _number(body.get("place"), -1)
        if not 0 <= place < len(desk.index):
            return _text("there is no such pair", 404)
        if not _say(desk, place, body):
            return _text("say a, b, tie, flag, note, undo or see", 400)
        chosen = _filter(body)
        stays = body.get("say") in ("undo", "flag", "note", "see")
        target = place if stays else _after(desk, place, chosen)
        return RedirectResponse(f"{desk.base}/pair/{target}?{_query(chosen)}", status_code=303)

    def asset(self, request: Request) -> Response:
        """Our own style and script."""
        from starlette.responses import FileResponse

        name = request.path_params["name"]
        return (
            FileResponse(PAGES / name, media_type=ASSETS[name]) if name in ASSETS else _text("not here", 404)
        )

    def _page(self, request: Request, name: str, **values: Any) -> Response:
        from starlette.responses import HTMLResponse

        around = {"shell": self.desk.shell, "theme": theme_of(request), "desk": self.desk}
        return HTMLResponse(self.pages.get_template(name).render(**around, **values))


def _text(text: str, status: int) -> Response:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(text, status_code=status)


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form, or None where it is too long or no form."""
    from urllib.parse import parse_qsl

    data = await read_body(request, MAX_BODY)
    if data is None:
        return None
    try:
        return dict(parse_qsl(data.decode("utf-8"), keep_blank_values=True))
    except UnicodeDecodeError:
        return None


def _say(desk: Desk, place: int, body: Mapping[str, str]) -> bool:
    """Keep what was said; False for what cannot be said."""
    pair = desk.index.pair(place)
    said = body.get("say", "")
    if said == "undo":
        undo_decision(desk.store, pair.id, desk.reviewer)
        return True
    if said == "see":
        put_seen(desk.store, pair.id, desk.reviewer)
        return True
    held = desk.standing().get(pair.id) or ReviewDecision(pair=pair.id, reviewer=desk.reviewer)
    held = replace(held, note=body.get("note", held.note)[:MAX_NOTE])
    first, second = sides(pair)
    preferred = {"a": first.id, "b": second.id, "tie": TIE}
    if said in preferred:
        held = replace(held, prefers=preferred[said])
    elif said == "flag":
        held = replace(held, flag=not held.flag)
    elif said != "note":
        return False
    put_decision(desk.store, held)
    return True


def _common(desk: Desk, chosen: Filter, standing: Mapping[str, ReviewDecision]) -> dict[str, Any]:
    return {
        "run": str(desk.index.run),
        "reviewer": desk.reviewer,
        "filter": chosen,
        "query": _query(chosen),
        "principles": desk.index.principles,
        "rounds": desk.index.rounds,
        "done": _decided(desk, standing),
        "total": len(desk.index),
        "ready": desk.index.ready,
        "base": desk.base,
        "home": desk.home,
        "key": desk.form_key,
    }


def _decided(desk: Desk, standing: Mapping[str, ReviewDecision]) -> int:
    """How many of the pairs are decided; of a list that is still being read, of all runs of the project."""
    if not standing or not desk.index.ready:
        return len(standing)
    return sum(each in desk.index.places for each in standing)


def _rules(desk: Desk, pair: Pair) -> list[Principle]:
    """The principles that apply to a pair: those that its judge was asked about, else all of the constitution."""
    if desk.constitution is None:
        return []
    asked = {str(each["id"]) for each in pair.principles}
    return [each for each in desk.constitution.principles if not asked or each.id in asked]


def _pair(desk: Desk, place: int, chosen: Filter, standing: Mapping[str, ReviewDecision]) -> dict[str, Any]:
    from rlaif.auditing.differences import differences

    pair = desk.index.pair(place)
    first, second = sides(pair)
    left, right = differences(first.turns, second.turns)
    said = standing.get(pair.id)
    chosen_side = "A" if pair.completion_ids[0] == first.id else "B"
    prefers = {first.id: "A", second.id: "B", TIE: "tie"}.get(said.prefers or "", "") if said else ""
    places = _places(desk, chosen, standing)
    near = _near(places, place)
    return {
        "pair": pair,
        "place": place,
        "sides": (("A", left), ("B", right)),
        "said": said,
        "prefers": prefers,
        # nothing of it is in the page before: who looks into its source has decided
        "evidence": _evidence(desk, pair, chosen_side) if _may_see(desk, pair, said) else None,
        "rules": _rules(desk, pair),
        "number": near[2],
        "count": len(places),
        "before": near[0],
        "after": near[1],
    }


def _may_see(desk: Desk, pair: Pair, said: ReviewDecision | None) -> bool:
    """Whether a reviewer has decided a pair, or asked to see what the judge says before."""
    decided = said is not None and said.prefers is not None
    return decided or has_seen(desk.store, pair.id, desk.reviewer)


def _evidence(desk: Desk, pair: Pair, side: str) -> dict[str, Any]:
    return {"side": side, "comes_from": list(provenance_rows(pair, desk.names))}


def _places(desk: Desk, chosen: Filter, standing: Mapping[str, ReviewDecision]) -> Sequence[int]:
    flagged = {name for name, each in standing.items() if each.flag}
    return desk.index.select(chosen, flagged, standing.keys())


def _near(places: Sequence[int], place: int) -> tuple[int | None, int | None, int | None]:
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
