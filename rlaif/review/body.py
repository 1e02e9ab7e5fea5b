"""The body of a request, read within a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request


async def read_body(request: Request, most: int) -> bytes | None:
    """All bytes of a request's body; None where there are more than `most`, of which no more is read."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > most:
            return None
    return bytes(data)
