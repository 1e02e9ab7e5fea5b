"""Shares of a weighted sum of models, checked. Loads no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rlaif.errors import RecipeError

_TOLERANCE = 1e-6


def check_shares(shares: Mapping[str, float], where: str) -> None:
    """Raise RecipeError for shares that do not sum to 1, or name fewer than two models."""
    if len(shares) < 2:
        raise RecipeError(f"{where}: names {len(shares)} model; a sum has two or more")
    if (
        not all(math.isfinite(each) for each in shares.values())
        or abs(math.fsum(shares.values()) - 1) > _TOLERANCE
    ):
        told = " + ".join(f"{each:g}" for each in shares.values())
        raise RecipeError(
            f"{where}: the shares sum to {math.fsum(shares.values()):g} ({told}), and weights that do not sum to 1 are "
            "of no model: `FIRST + w * (SECOND - FIRST)` is `FIRST: 1 - w, SECOND: w`"
        )
