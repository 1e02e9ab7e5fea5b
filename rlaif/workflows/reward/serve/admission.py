"""Who may ask a served judge: whoever carries the token; without one this machine's own programs, and no web page."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from rlaif.review.guard import names_this_machine, same_secret

if TYPE_CHECKING:
    from starlette.requests import Request


def refusal(request: Request, token: str | None) -> tuple[int, str] | None:
    """The status and the sentence with which a request is refused; None where it may ask."""
    if token is not None:
        return (
            None
            if _carries(request, token)
            else (401, "no token, or a wrong one: send Authorization: Bearer TOKEN")
        )
    if not names_this_machine(request.headers.get("host", "")):
        # a name that was made to point here would let a web page ask
        return 403, "without a token this server answers to this machine's own names only"
    if "origin" in request.headers:
        return 403, "a web page may not ask"
    return None


def _carries(request: Request, token: str) -> bool:
    """Whether it comes with the token: as a bearer's, or as the password of an address `http://any:TOKEN@host`."""
    scheme, _, offered = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(offered, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return False
        return same_secret(decoded.partition(":")[2], token)
    return scheme.lower() == "bearer" and same_secret(offered.strip(), token)
