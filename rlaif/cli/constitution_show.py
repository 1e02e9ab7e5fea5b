"""Output of `rlaif constitution show`: principles, propositions and classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rlaif.records import Constitution, Principle
from rlaif.review.tables import table


def described(loaded: Constitution, chosen: Sequence[Principle], *, one: bool) -> tuple[dict[str, Any], str]:
    """The constitution as JSON and as text; with `one`, the chosen principle in full."""
    details = [_principle(each) for each in chosen]
    result: dict[str, Any] = {
        "name": loaded.name,
        "version": loaded.version,
        "title": loaded.title,
        "digest": loaded.digest,
        "decide": asdict(loaded.decide),
        "principles": details,
    }
    if one:
        return result, "\n".join(f"{key}: {value}" for key, value in details[0].items())
    result |= {
        "propositions": [dict(each) for each in loaded.propositions],
        "behaviors": dict(loaded.behaviors),
    }
    return result, "\n".join(_lines(loaded, details))


def _principle(each: Principle) -> dict[str, Any]:
    return {
        "id": each.id,
        "text": each.text,
        "critique": each.critique,
        "revise": each.revise,
        "weight": each.weight,
        "hard": each.hard,
        "applies_to": list(each.applies_to),
        "group": each.group,
        "tests": len(each.tests),
        "text_digest": each.text_digest,
        "rule_digest": each.rule_digest,
    }


def _lines(loaded: Constitution, details: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"{loaded.name} {loaded.version}  {loaded.digest}\n{loaded.title}"
    if details:
        grouped = any(each["group"] for each in details)
        rows = [
            [
                each["id"],
                each["weight"],
                "hard" if each["hard"] else "",
                ",".join(each["applies_to"]) or "all",
                *([each["group"] or ""] if grouped else []),
            ]
            for each in details
        ]
        head = ["principle", "weight", "", "applies to", *(["group"] if grouped else [])]
        yield "\n" + table(head, rows) + "\n"
        yield from (f"{each['id']}: {each['text']}" for each in details)
    if loaded.propositions:
        yield "\npropositions"
        yield from (f"{each['id']}: {each.get('text') or _case(each['all'])}" for each in loaded.propositions)
    if loaded.behaviors:
        yield "\nclasses of answers, the best first"
        yield from _classes(loaded.behaviors)


def _classes(behaviors: Mapping[str, Any]) -> Iterator[str]:
    for name in behaviors["order"]:
        own = behaviors["classes"][name]
        kinds = {f" ({kind})": inner for kind, inner in own.items() if not isinstance(inner, bool)}
        yield from (f"{name}{kind}: {_case(wanted)}" for kind, wanted in (kinds or {"": own}).items())


def _case(wanted: Mapping[str, bool]) -> str:
    return ", ".join(name if true else f"not {name}" for name, true in wanted.items()) or "anything"
