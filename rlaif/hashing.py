"""Content ids: canonical JSON, tagged digests, and seeds that derive from ids."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlaif.errors import InputError

DIGEST_TAG = "b2:"
DIGEST_BYTES = 16
# made once: json.dumps with options makes an encoder for each call
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no blanks and no ASCII escapes: equal values have equal text.

    Raises ValueError on NaN and infinities, which JSON does not have.
    """
    return _ENCODER.encode(value)


def digest_bytes(data: bytes) -> str:
    """`b2:` and 32 hex digits of blake2b over `data`."""
    return DIGEST_TAG + hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def digest(*parts: Any) -> str:
    """Digest of the canonical JSON of `parts` (a list, so that ("a", "b") and ("ab",) differ)."""
    # surrogates can reach us from broken JSON files; they have no UTF-8, yet must hash alike every time
    return digest_bytes(canonical_json(list(parts)).encode("utf-8", "surrogatepass"))


def derived_seed(*parts: Any) -> int:
    """A seed in [0, 2**63) that depends on `parts` only, never on order of work or batch."""
    raw = hashlib.blake2b(canonical_json(list(parts)).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(raw.digest(), "big") >> 1


def digest_files(paths: list[Path]) -> str:
    """Digest of the names and bytes of `paths`, in name order (a model directory's fingerprint)."""
    whole = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for path in sorted(paths, key=lambda each: each.name):
        whole.update(os.fsencode(path.name) + b"\0")
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                whole.update(block)
        whole.update(b"\0")
    return DIGEST_TAG + whole.hexdigest()


def source_fingerprint(function: Callable[..., Any], version: str | None = None) -> str:
    """What a function of the user's is, as part of a fingerprint: equal means interchangeable.

    `function:NAME@version:V` where its author declares a version, else `function:NAME@source:DIGEST` of its source
    text, so that an edited function is another one. The source says nothing of what a function takes from elsewhere:
    a global, a file, a model that it calls. Raises InputError where the source cannot be read, or does not tell what
    the function does because it was made inside another one and holds that one's values.
    """
    name = f"{function.__module__}.{getattr(function, '__qualname__', type(function).__qualname__)}"
    if version is not None:
        return f"function:{name}@version:{version}"
    remedy = "declare what it is: version='1', and another one whenever it answers otherwise"
    if getattr(function, "__closure__", None):
        raise InputError(
            f"{name}: holds values of the function that made it, which its source does not say; {remedy}"
        )
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as problem:
        raise InputError(f"{name}: its source cannot be read ({problem}); {remedy}") from problem
    return f"function:{name}@source:{digest('source', source)}"
