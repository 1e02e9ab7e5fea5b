"""OpenAI's rule-based rewards (2411.01111): propositions, derived propositions and ordered classes, in YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rlaif.constitution.writing import values_yaml
from rlaif.exchange.constitutions.parts import (
    came_from,
    foreign_key,
    framed,
    kept_frame,
    not_held,
    own_id,
    refuse,
)
from rlaif.exchange.format import ConstitutionFormat, Format, ReadConstitution, WrittenConstitution
from rlaif.records import Constitution

NAME = "openai-rbr"
USUAL = ("", "")
# a proposition of ours is a statement; the file holds questions
OURS = ("Is this true of the assistant's last response? ", "")
ANY = "all"
"""The kind of answer of a class of ours that names none."""
TEMPLATE = """\
Below are a conversation and one question about the assistant's last response in it.

Question: {question}

The last response:
```
{response}
```

Reply with the single word "yes" or "no"."""
_KEYS = (
    "prompt_template",
    "completion_class_order",
    "completion_classes",
    "derived_propositions",
    "simple_propositions",
)
_PATTERN = re.compile(r"(\s*(?:Is this true of the assistant's last response\? )?)(.*?)(\s*)", re.DOTALL)


def recognises(values: Any) -> bool:
    """Whether this is such a file."""
    return isinstance(values, dict) and "simple_propositions" in values


def read(values: Any, name: str, place: str) -> ReadConstitution:
    """Propositions and classes; the file has no principles, so the constitution has none."""
    if other := sorted(values.keys() - set(_KEYS)):
        refuse(place, f"unknown key {other[0]!r}; known keys: {', '.join(_KEYS)}")
    propositions: list[dict[str, Any]] = []
    frames: dict[str, dict[str, list[str]]] = {}
    keys: dict[str, str] = {}
    for kind in ("simple_propositions", "derived_propositions"):
        for key, entry in _mapping(values.get(kind, {}), f"{place}: {kind}").items():
            here = own_id(key, [each["id"] for each in propositions])
            if here != key:
                keys[here] = key
            at = f"{place}: {kind}.{key}"
            if kind == "derived_propositions":
                propositions.append({"id": here, "all": _table(entry, keys, at)})
                continue
            text = framed(_question(entry, at), _PATTERN, at)
            if text.frame != list(USUAL):
                frames[here] = {"text": text.frame}
            propositions.append({"id": here, "text": text.core})
    origin: dict[str, Any] = {"format": NAME, "shape": list(values)}
    origin |= {"keys": keys} if keys else {}
    origin |= {"frames": frames} if frames else {}
    origin |= {key: values[key] for key in ("prompt_template",) if key in values}
    constitution = Constitution(
        name=name,
        version="0.1.0-dev",
        title=name,
        principles=(),
        propositions=tuple(propositions),
        behaviors=_behaviors(values, keys, place),
        origin=origin,
    )
    note = "a prompt's tag says which kind of answer it wants: " + ", ".join(_kinds(constitution))
    return ReadConstitution(constitution, (note, "propositions only: there are no principles to compare by"))


def write(constitution: Constitution) -> WrittenConstitution:
    """Propositions and classes."""
    if not constitution.propositions:
        refuse(
            constitution.source or constitution.name,
            f"has no propositions, and {NAME} holds nothing else; choose another --format",
        )
    usual = USUAL if came_from(constitution, NAME) else OURS
    simple, derived = {}, {}
    for each in constitution.propositions:
        key = foreign_key(constitution, each["id"])
        if "all" in each:
            derived[key] = _foreign_table(each["all"], constitution)
        else:
            head, tail = kept_frame(constitution, each["id"], "text", usual)
            simple[key] = {"prompt": head + each["text"] + tail}
    values: dict[str, Any] = {
        "prompt_template": constitution.origin.get("prompt_template", TEMPLATE),
        "completion_class_order": list(constitution.behaviors.get("order", [])),
        "completion_classes": _classes(constitution),
        "derived_propositions": derived,
        "simple_propositions": simple,
    }
    shape = constitution.origin["shape"] if came_from(constitution, NAME) else list(values)
    order = [*shape, *(key for key in values if key not in shape and values[key])]
    left_out = not_held(constitution, {"propositions", "behaviors"})
    return WrittenConstitution({key: values[key] for key in order}, tuple(left_out))


def _question(entry: Any, place: str) -> Any:
    if not isinstance(entry, dict) or set(entry) != {"prompt"}:
        refuse(place, "must be a mapping with the one key `prompt`")
    return entry["prompt"]


def _mapping(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        refuse(place, f"must be a mapping, not {type(value).__name__}")
    return value


def _table(value: Any, keys: Mapping[str, str], place: str) -> dict[str, bool]:
    ours = {foreign: own for own, foreign in keys.items()}
    table = {}
    for key, wanted in _mapping(value, place).items():
        if not isinstance(wanted, bool):
            refuse(f"{place}.{key}", f"must be true or false, not {wanted!r}")
        table[ours.get(key, key)] = wanted
    return table


def _behaviors(values: Mapping[str, Any], keys: Mapping[str, str], place: str) -> dict[str, Any]:
    at = f"{place}: completion_classes"
    classes = _mapping(values.get("completion_classes", {}), at)
    order = values.get("completion_class_order", [])
    if not classes and not order:
        return {}
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(classes):
        refuse(f"{place}: completion_class_order", f"must name each of {', '.join(classes)} once")
    return {
        "order": list(order),
        "classes": {
            name: {
                kind: _table(table, keys, f"{at}.{name}.{kind}")
                for kind, table in _mapping(kinds, f"{at}.{name}").items()
            }
            for name, kinds in classes.items()
        },
    }


def _classes(constitution: Constitution) -> dict[str, Any]:
    # a class of ours may be one table for every kind of answer; theirs never is
    found = {}
    for name, kinds in constitution.behaviors.get("classes", {}).items():
        plain = all(isinstance(each, bool) for each in kinds.values())
        tables = {ANY: kinds} if plain and kinds else kinds
        found[name] = {kind: _foreign_table(table, constitution) for kind, table in tables.items()}
    return found


def _foreign_table(table: Mapping[str, bool], constitution: Constitution) -> dict[str, bool]:
    return {foreign_key(constitution, name): wanted for name, wanted in table.items()}


def _kinds(constitution: Constitution) -> list[str]:
    classes = constitution.behaviors.get("classes", {}).values()
    return list(dict.fromkeys(kind for kinds in classes for kind in kinds))


FORMAT = Format(
    name=NAME,
    help="rule-based rewards of OpenAI (proposition_prompts.yaml)",
    loses="all but propositions and behaviours",
    constitution=ConstitutionFormat(recognises=recognises, read=read, write=write, text=values_yaml, rank=30),
)
