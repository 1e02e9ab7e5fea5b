"""JSON Schemas and patterns that a user wrote: looked at before anything is checked by them, and fetching nothing.

A reference is to a place in the schema itself. What refers to a file, to a server or to itself without end, and a
pattern that is none, are refused with their place in the schema.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

from rlaif.errors import InputError

_IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
"""Keys whose schemas look at the very same value: a circle through them never ends."""
_REFERENCES = ("$ref", "$dynamicRef")
_MAX_PATTERN = 10_000


def compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """The pattern. Raises InputError for what is no pattern of `re`, or too large to be one."""
    if len(pattern) > _MAX_PATTERN:
        raise InputError(f"a regular expression of {len(pattern):,} characters; it may have {_MAX_PATTERN:,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError, MemoryError) as wrong:
        raise InputError(f"{pattern[:200]!r} is no regular expression: {wrong}") from None


def usable_schema(schema: Mapping[str, Any]) -> Any:
    """A validator for the schema, which asks nobody. Raises InputError with the place of what cannot be used."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema_specifications import REGISTRY
    from referencing.jsonschema import DRAFT202012

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as wrong:
        raise InputError(f"json_schema: is no JSON Schema: {wrong.message}") from None
    except (OverflowError, RecursionError, MemoryError) as wrong:
        raise InputError(f"json_schema: has no regular expression that can be used: {wrong}") from None
    try:
        resolver = REGISTRY.resolver_with_root(DRAFT202012.create_resource(schema))
        _refuse_endless(schema, resolver, _Walk(set(), set()))
    except InputError:
        raise
    except (ValueError, RecursionError) as wrong:
        raise InputError(f"json_schema: cannot be followed: {wrong}; mend its `$id` and `$ref`") from None
    # this registry holds the drafts of JSON Schema and retrieves nothing; the default one would ask the network
    return Draft202012Validator(schema, registry=REGISTRY)


class _Walk:
    """Which schemas were looked at, and which of them are being looked at for one and the same value."""

    def __init__(self, done: set[int], open_: set[int]) -> None:
        self.done = done
        self.open = open_


def _refuse_patterns(schema: Mapping[str, Any]) -> None:
    pattern = schema.get("pattern")
    for text in [*([] if pattern is None else [pattern]), *schema.get("patternProperties", ())]:
        try:
            compiled(text)
        except InputError as wrong:
            raise InputError(f"json_schema: {wrong}") from None


def _refuse_endless(schema: Any, resolver: Any, walk: _Walk) -> None:
    """Follow every reference; refuse one that leads nowhere, or back to where it stands for the same value."""
    if not isinstance(schema, Mapping) or id(schema) in walk.done:
        return
    if id(schema) in walk.open:
        raise InputError(
            "json_schema: a reference leads back to itself without end; put a level of the value between"
        )
    from referencing.jsonschema import DRAFT202012

    own = resolver.in_subresource(DRAFT202012.create_resource(schema))
    _refuse_patterns(schema)
    walk.open.add(id(schema))
    for key in _REFERENCES:
        if isinstance(reference := schema.get(key), str):
            found = _resolved(key, reference, own)
            _refuse_endless(found.contents, found.resolver, walk)
    for key in _IN_PLACE:
        for each in _held(schema.get(key)):
            _refuse_endless(each, own, walk)
    walk.open.discard(id(schema))
    walk.done.add(id(schema))
    for each in DRAFT202012.create_resource(schema).subresources():
        # one level into the value: what is open there is nothing that is open here
        _refuse_endless(each.contents, own, _Walk(walk.done, set()))


def _held(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping):
        return [value, *value.values()]
    return []


def _resolved(key: str, reference: str, resolver: Any) -> Any:
    try:
        return resolver.lookup(reference)
    except Exception as problem:
        raise InputError(
            f"json_schema: {key} {reference!r} is no place in this schema (nothing is fetched, from no file and no "
            "server); copy what is meant under `$defs` and refer to it by `#/$defs/NAME`"
        ) from problem
