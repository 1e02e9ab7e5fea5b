"""Who may see the review page: whoever has the token, on this machine, from this page; and what may run in it."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from starlette.requests import Request

COOKIE = "rlaif_review"
LOCAL = ("127.0.0.1", "localhost", "[::1]", "testserver")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with `no-referrer` a browser would send our own forms as from nowhere
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def same_secret(offered: str, secret: str) -> bool:
    """Whether they are the same; how long it takes says nothing of where they differ."""
    return hmac.compare_digest(
        offered.encode("utf-8", "surrogatepass"), secret.encode("utf-8", "surrogatepass")
    )


def names_this_machine(host: str) -> bool:
    """Whether a request's `Host` header names this machine as its own: no name that was made to point here does."""
    return (host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host) in LOCAL


class Guard:
    """Lets in who has the token, on this machine, and nobody else; puts the headers on every answer."""

    def __init__(self, app: Any, token: str) -> None:
        self.app, self.token = app, token

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
        if not names_this_machine(host):
            # a name that was made to point here would carry this machine's cookies elsewhere
            return "this page answers to 127.0.0.1 only"
        origin = request.headers.get("origin")
        if request.method != "GET" and origin is not None and urlsplit(origin).netloc != host:
            return "this request comes from another site"
        token = request.query_params.get("token") or request.cookies.get(COOKIE, "")
        if not same_secret(token, self.token):
            return "no token: open the address that the command printed"
        return None
