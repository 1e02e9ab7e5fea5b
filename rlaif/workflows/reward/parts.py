"""The `reward:` entry of a recipe, read and checked: what it says wrong is refused with its place. Opens nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from rlaif.checks import check_schema
from rlaif.documents import Document, Key
from rlaif.errors import RecipeError
from rlaif.judging.group_rewards.together import Together
from rlaif.judging.protocols import PROTOCOLS
from rlaif.settings import options, values_of
from rlaif.workflows.reward.spec import CIRCULAR, RewardPartSpec, RewardSpec, label_of, reward_schema

SOURCES = ("judge", "model", "function", "parts")
"""The keys of a part that say who gives its number; exactly one of them is there."""


def reward_parts(value: Any, where: str) -> RewardSpec:
    """The reward that plain values say: a list of parts, or `{parts, together, penalty, floor}`.

    Args:
        value: as YAML gives it.
        where: file and line of the entry, for messages.

    Raises:
        RecipeError: an unknown key, a value of another kind or out of bounds, a part that nobody or two give a number,
            a hard part without a threshold, weights that sum to 0, options that mean nothing beside others.
    """
    if isinstance(value, str) or not isinstance(value, Sequence | Mapping):
        raise RecipeError(f"{where}: reward is {value!r}; it must be a list of parts, `- judge: NAME`")
    given = _plain(value)
    document = Document(path=where, data={"reward": given}, lines={}, plain=_texts(given, ("reward",)))
    rules = {"type": "object", "properties": {"reward": reward_schema()}}
    given = check_schema(document, rules, RecipeError)["reward"]
    whole = given if isinstance(given, dict) else {"parts": given}
    # a file that was named on the command line is the whole, where it is all that was named
    while set(whole) == {"parts"} and len(whole["parts"]) == 1 and "parts" in whole["parts"][0]:
        if whole["parts"][0].keys() - {"parts", "together", "penalty", "floor"}:
            break
        whole = whole["parts"][0]
    if "parts" not in whole:
        raise RecipeError(f"{where}: reward lacks 'parts'; add `parts: [{{judge: NAME}}]`")
    return _spec(whole, where, "reward", inside=False)


def _plain(value: Any) -> Any:
    """Lists and dicts in the place of other sequences and mappings; a path is its text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, Path):
        return str(value)
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _texts(value: Any, key: Key) -> dict[Key, str]:
    """How the numbers were written, by their places: a judge may be called `42`."""
    if isinstance(value, dict):
        return {k: v for name, each in value.items() for k, v in _texts(each, (*key, name)).items()}
    if isinstance(value, list):
        return {k: v for place, each in enumerate(value) for k, v in _texts(each, (*key, place)).items()}
    return {key: str(value)} if isinstance(value, int | float) and not isinstance(value, bool) else {}


def _spec(given: Mapping[str, Any], where: str, place: str, *, inside: bool) -> RewardSpec:
    together: Together = given.get("together", "sum")
    if "penalty" in given and together != "mean-variance":
        raise RecipeError(f"{where}: {place}: penalty is of together: mean-variance; remove it")
    parts = tuple(
        _part(each, where, f"{place}[{number}]", inside=inside) for number, each in enumerate(given["parts"])
    )
    spec = RewardSpec(
        parts=_named(parts),
        together=together,
        penalty=float(given.get("penalty", 0.5)),
        floor=None if given.get("floor") is None else float(given["floor"]),
    )
    added = [each for each in parts if not each.hard]
    if not added:
        raise RecipeError(
            f"{where}: {place}: all parts are hard, and nothing is left to tell good from better; add a part that is "
            "not hard"
        )
    if spec.floor is not None and len(added) == len(parts):
        raise RecipeError(
            f"{where}: {place}: floor is the reward of whoever fails a hard part, and none is; remove it"
        )
    for number, each in enumerate(given["parts"]):
        if together != "sum" and "weight" in each:
            raise RecipeError(
                f"{where}: {place}[{number}]: weight says nothing where parts are put together by {together}; remove it"
            )
    if not all(isfinite(each.weight) for each in added) or not any(each.weight for each in added):
        raise RecipeError(
            f"{where}: {place}: the weights of its parts sum to 0 or are no numbers, so that no completion is better; "
            "give a part a weight"
        )
    if together not in ("sum", "mean", "max") and len(added) < 2:
        raise RecipeError(
            f"{where}: {place}: {together} is of two rewards or more, and there is one; add another"
        )
    return spec


def _part(given: Mapping[str, Any], where: str, place: str, *, inside: bool) -> RewardPartSpec:
    named = [each for each in SOURCES if each in given]
    if len(named) != 1:
        found = " and ".join(map(repr, named)) or "nobody"
        raise RecipeError(
            f"{where}: {place}: {found} would give its number; name one of {', '.join(SOURCES)}"
        )
    _refuse_unused(given, named[0], where, place, inside=inside)
    own = {each.name for each in options(RewardPartSpec)}
    values = values_of(RewardPartSpec, {name: each for name, each in given.items() if name in own})
    if values.get("rubrics") is not None:
        values["rubrics"] = Path(values["rubrics"])
    found_part = RewardPartSpec(**values)
    if named[0] == "parts":
        return replace(found_part, parts=_spec(given, where, place, inside=True))
    _check_protocol(found_part, where, place)
    return found_part


_OF_JUDGES = ("protocol", "constitution", "rubrics", "dropout", "samples", "ask_again")
"""Keys that say how a judge is asked."""


def _refuse_unused(given: Mapping[str, Any], source: str, where: str, place: str, *, inside: bool) -> None:
    """Raise RecipeError for keys that mean nothing where they stand."""
    if source != "judge":
        for name in (each for each in _OF_JUDGES if each in given):
            raise RecipeError(
                f"{where}: {place}: {name} says how a judge is asked, and `{source}` is none; remove it"
            )
    if source != "parts":
        for name in (each for each in ("together", "penalty") if each in given):
            raise RecipeError(
                f"{where}: {place}: {name} says how several parts become one; write it beside `parts`"
            )
    hard = bool(given.get("hard"))
    if hard and inside:
        raise RecipeError(
            f"{where}: {place}: a part of an ensemble cannot be hard; make it a part of the whole"
        )
    if hard and "at_least" not in given:
        raise RecipeError(
            f"{where}: {place}: is hard and lacks 'at_least', the number from which on it is met; add it "
            "(1.0: all that a rules file checks)"
        )
    if not hard and "at_least" in given:
        raise RecipeError(
            f"{where}: {place}: at_least is the threshold of a hard part; add `hard: true`, or remove it"
        )
    for name in (each for each in ("weight", "normalise") if hard and each in given):
        raise RecipeError(
            f"{where}: {place}: {name} says nothing of a hard part, which adds to no sum; remove it"
        )
    if not isfinite(given.get("at_least", 0.0)):
        raise RecipeError(f"{where}: {place}: at_least is {given['at_least']}; it must be a number")


def _check_protocol(part: RewardPartSpec, where: str, place: str) -> None:
    """Raise RecipeError for a protocol that there is not, and for options that it does not take."""
    name = part.protocol
    if name is not None and name != CIRCULAR and name not in PROTOCOLS:
        known = ", ".join([CIRCULAR, *PROTOCOLS.names()])
        raise RecipeError(f"{where}: {place}: {name!r} is no protocol; known: {known}")
    if part.compares is not None and (part.dropout or part.rubrics is not None):
        option = "dropout" if part.dropout else "rubrics"
        raise RecipeError(
            f"{where}: {place}: {option} is of protocols that ask criteria of one completion (rubric, checklist), and "
            f"{name} compares two; remove it"
        )
    if part.rubrics is not None and name is not None and not part.asks_rubrics:
        raise RecipeError(f"{where}: {place}: protocol {name!r} asks no rubrics; take rubric or rubric-list")


def _named(parts: Sequence[RewardPartSpec]) -> tuple[RewardPartSpec, ...]:
    """Each part with a name of its own: of those that would share one all but the first have a number."""
    labels = [label_of(each) for each in parts]
    return tuple(replace(part, name=name) for part, name in zip(parts, _unlike(labels), strict=True))


def _unlike(labels: Sequence[str]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for each in labels:
        seen[each] += 1
        yield each if seen[each] == 1 else f"{each} {seen[each]}"
