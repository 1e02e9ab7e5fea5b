"""The models of a run by name: pages say names, digests stand in the details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.review.numbers import short

NEWEST = "previous"
"""What a recipe calls the newest policy."""
_ROLES = ("policy", "judge", "scorer", "teacher", "critic", "writer")
"""Roles that come first; a recipe's own follow."""


def roles(facts: Mapping[str, Any]) -> dict[str, str]:
    """The name of the model in each role of a run, as its configuration says it: policy first, then judge."""
    config = facts.get("config") or {}
    found: dict[str, str] = {}
    recipe = config.get("recipe")
    if isinstance(recipe, Mapping):
        named = recipe.get("models") or {}
        found = {str(role): str(name) for role, name in named.items() if isinstance(name, str)}
    policies = [each["name"] for each in config.get("policies") or () if isinstance(each, Mapping)]
    if policies:
        found["policy"] = ", ".join(map(str, policies))
    elif isinstance(config.get("policy"), str):
        found["policy"] = config["policy"]
    judge = config.get("judge")
    if isinstance(judge, Mapping):
        found["judge"] = str(judge.get("name"))
    elif isinstance(judge, str):
        found["judge"] = judge
    against = config.get("against")
    if isinstance(against, Sequence) and not isinstance(against, str) and against:
        found["against"] = ", ".join(map(str, against))
    order = [*(each for each in _ROLES if each in found), *(each for each in found if each not in _ROLES)]
    return {role: found[role] for role in order}


def said(name: str) -> str:
    """A model's name as a page says it."""
    return "the newest policy" if name == NEWEST else ", ".join(short(each) for each in name.split(", "))


def by_fingerprint(facts: Mapping[str, Any], rounds: Sequence[Mapping[str, Any]] = ()) -> dict[str, str]:
    """Names by fingerprint: of the models that a run names, and of the policies of its rounds."""
    config = facts.get("config") or {}
    named = roles(facts)
    found: dict[str, str] = {}
    for row in rounds:
        if isinstance(row.get("policy"), str) and row["policy"] not in found:
            number = row["round"]
            found[row["policy"]] = (
                f"policy after round {number}" if number else said(named.get("policy", "policy"))
            )
    for each in [*(config.get("policies") or ()), config.get("judge")]:
        if isinstance(each, Mapping) and isinstance(each.get("fingerprint"), str):
            found.setdefault(each["fingerprint"], said(str(each.get("name"))))
    for key, print_ in (config.get("models") or {}).items():
        if isinstance(print_, str):
            # of a recipe the key is a role, of an evaluation it is the model's name
            found.setdefault(print_, said(named.get(key, str(key))))
    return found
