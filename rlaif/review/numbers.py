"""How numbers, times and money are written on pages: three significant digits, thousands apart. Pure."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from rlaif.shipped import MODELS

NONE = "–"
"""Stands where there is no value."""
BUNDLED = ["microworld", "checkpoints"]
"""The folders that our own models lie in."""
_BUNDLED_NAMES = {folder: name for name, folder in MODELS.items()}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def figure(value: Any) -> str:
    """A number as people read it: 12,345, 0.588, 12.3; words as they are; a dash for none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float):
        return str(value)
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size and size < 0.001:
        return f"{value:.2e}".replace("e-0", "e-")
    digits = 3 if size < 1 else max(0, 2 - math.floor(math.log10(size)))
    return f"{value:.{digits}f}"


def share(value: float | None) -> str:
    """A probability or a share, to three decimals: 0.588, 0.000."""
    return NONE if value is None else f"{value:.3f}" if abs(value) <= 1 else figure(value)


def percent(value: float | None) -> str:
    """A share as a percentage: 58 %, 99.7 %."""
    if value is None:
        return NONE
    shown = 100 * value
    return f"{shown:.1f} %" if 0 < shown < 1 or 99 < shown < 100 else f"{shown:.0f} %"


def span(seconds: float | None) -> str:
    """How long something took: 8 s, 2 min 5 s, 3 h 20 min, 2 d 4 h."""
    if seconds is None or seconds < 0:
        return NONE
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return _two(whole, _MINUTE, "min", 1, "s")
    if whole < _DAY:
        return _two(whole, _HOUR, "h", _MINUTE, "min")
    return _two(whole, _DAY, "d", _HOUR, "h")


def _two(whole: int, unit: int, name: str, part: int, part_name: str) -> str:
    more = whole % unit // part
    return f"{whole // unit} {name}" + (f" {more} {part_name}" if more else "")


def moment(at: float | None) -> str:
    """A time of this machine: 2026-12-01 06:10."""
    return NONE if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def money(costs: Mapping[str, Any] | None) -> str:
    """What all models of a run cost, from its `costs`: free, USD 1.20; a dash where it is unknown."""
    models = (costs or {}).get("models") or {}
    paid = [each.get("cost") for each in models.values()]
    if costs is None or None in paid:
        return NONE
    total = sum(paid)
    return "free" if not total else f"{(costs or {}).get('currency', 'USD')} {total:,.2f}"


def tokens(costs: Mapping[str, Any] | None) -> int | None:
    """All tokens that went in and out, from the `costs` of a run; None where none are known."""
    models = (costs or {}).get("models") or {}
    sums = [each.get("prompt_tokens", 0) + each.get("completion_tokens", 0) for each in models.values()]
    return sum(sums) if costs else None


def calls(costs: Mapping[str, Any] | None) -> int | None:
    """All calls of models, from the `costs` of a run; None where none are known."""
    models = (costs or {}).get("models") or {}
    return sum(int(each.get("calls", 0)) for each in models.values()) if costs else None


def short(name: str) -> str:
    """A model's name as people say it: of a server's the model, of a path its end."""
    name = name.strip()
    _, mark, model = name.partition("#")
    if mark:
        return model
    _, mark, rest = name.partition(":")
    body = rest if mark and "/" in rest else name
    parts = body.rstrip("/").split("/")
    if parts[-3:-1] == BUNDLED:
        return _BUNDLED_NAMES.get(parts[-1], parts[-1])
    if len(parts) <= 2 and not body.startswith("/"):
        return body
    # `models/round-1` says nothing without its run
    return "/".join(parts[-3:] if "models" in parts[-3:-1] else parts[-2:])
