"""Packed bodies. None is asked for, but some proxies pack whatever passes: unpacked up to a limit, or named."""

from __future__ import annotations

import zlib
from typing import NamedTuple

from rlaif.engines.openai.error_text import one_line

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_GZIP, _ZLIB, _RAW = 31, 15, -15
"""What `zlib` calls the forms of one packing."""


class Unpacked(NamedTuple):
    """The bytes, or why there are none; `again` where another try may give some."""

    whole: bytes
    problem: str = ""
    again: bool = False


def unpacked(body: bytes, named: str, most: int) -> Unpacked:
    """Unpack a body whose Content-Encoding is `named`, to at most `most` bytes.

    What the bytes are counts more than what the header says: some proxies pack and drop the header, others unpack and
    keep it.
    """
    said = [
        each for each in (part.strip().lower() for part in named.split(",")) if each not in ("", "identity")
    ]
    found = next((kind for magic, kind in _MAGIC.items() if body.startswith(magic)), None)
    if found is None and (not said or body.lstrip()[:1] in (b"{", b"[")):
        return Unpacked(body)
    if found == "gzip" and len(said) < 2:
        return _inflated(body, _GZIP, most)
    if said == ["deflate"]:
        # the header means zlib's form, and some servers send the bare one
        return _inflated(body, _ZLIB if body[:1] == b"\x78" else _RAW, most)
    kind = found or one_line(", ".join(said))[:40]
    return Unpacked(
        b"",
        f"the answer is packed ({kind}), which was not asked for; turn packing off at the server or proxy",
    )


def _inflated(body: bytes, form: int, most: int) -> Unpacked:
    whole = b""
    try:
        # gzip may have several members one behind the other
        while body:
            one = zlib.decompressobj(form)
            whole += one.decompress(body, most + 1 - len(whole))
            if len(whole) > most:
                return Unpacked(b"", f"the answer unpacks to more than {most} bytes", again=True)
            if not one.eof:
                return Unpacked(b"", "the packed answer is cut off", again=True)
            body = one.unused_data if form == _GZIP and one.unused_data.startswith(b"\x1f\x8b") else b""
    except zlib.error:
        return Unpacked(b"", "the packed answer cannot be unpacked", again=True)
    return Unpacked(whole)
