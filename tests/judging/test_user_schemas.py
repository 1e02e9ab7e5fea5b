"""Schemas and patterns of users: refused with their place, or usable without asking anybody."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.judging.user_schemas import compiled, usable_schema


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def connects(*_: object) -> None:
        raise AssertionError("something was fetched")

    monkeypatch.setattr(socket.socket, "connect", connects)
    monkeypatch.setattr(socket, "create_connection", connects)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"$ref": "http://127.0.0.1:9/x"}, "nothing is fetched"),
        ({"$ref": "https://example.com/x#/a"}, "nothing is fetched"),
        ({"$ref": "file:///etc/hostname"}, "nothing is fetched"),
        ({"$ref": "ftp://example.com/x"}, "nothing is fetched"),
        ({"$ref": "other.json"}, "nothing is fetched"),
        ({"$ref": "//example.com/x"}, "nothing is fetched"),
        ({"$ref": "#/$defs/none"}, "is no place in this schema"),
        ({"$ref": "#none"}, "is no place in this schema"),
        ({"$dynamicRef": "http://127.0.0.1:9/x"}, "nothing is fetched"),
        ({"$id": "http://127.0.0.1:9/s", "$ref": "other"}, "nothing is fetched"),
        ({"properties": {"a": {"items": {"$ref": "http://127.0.0.1:9/x"}}}}, "nothing is fetched"),
        ({"$defs": {"a": {"$ref": "http://127.0.0.1:9/x"}}}, "nothing is fetched"),
        ({"$ref": "#"}, "leads back to itself"),
        (
            {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {"$ref": "#/$defs/a"}}}},
            "back to itself",
        ),
        ({"if": {"$ref": "#"}}, "leads back to itself"),
        ({"items": {"anyOf": [{"$ref": "#/items"}]}}, "leads back to itself"),
        ({"$id": "http://[bad", "$ref": "#"}, "mend its `$id`"),
        ({"pattern": "("}, "is not a 'regex'"),
        ({"items": {"pattern": "a{99999999999}"}}, "no regular expression"),
        ({"patternProperties": {"(?<x": {}}}, "is not a 'regex'"),
        ({"type": "nonsense"}, "is no JSON Schema"),
        ({"$ref": 5}, "is no JSON Schema"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_checked(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        usable_schema(schema)


@pytest.mark.parametrize(
    ("schema", "fits", "not_"),
    [
        ({"$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"},
         {"next": {"next": {}}}, {"next": 1}),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}}, {"a": {"a": {}}}, {"a": {"a": 1}}),
        ({"$id": "http://example.com/s", "$ref": "o", "$defs": {"a": {"$id": "o", "type": "string"}}}, "x", 1),
        ({"$anchor": "q", "type": "object", "additionalProperties": {"$ref": "#q"}}, {"a": {}}, {"a": 1}),
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, {"type": "object"}, {"type": 1}),
        ({"$schema": "http://127.0.0.1:9/x", "type": "object"}, {}, 1),
        ({"const": {"$ref": "http://127.0.0.1:9/x"}}, {"$ref": "http://127.0.0.1:9/x"}, {}),
        ({"properties": {"$ref": {"type": "string"}}}, {"$ref": "http://127.0.0.1:9/x"}, {"$ref": 1}),
        ({"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "string"}}}, "x", 1),
    ],
)  # fmt: skip
def test_references_within_a_schema_are_followed(schema: dict[str, Any], fits: Any, not_: Any) -> None:
    validator = usable_schema(schema)
    assert validator.is_valid(fits)
    assert not validator.is_valid(not_)


@pytest.mark.parametrize("pattern", ["(", "a{99999999999}", "(" * 20_000, "a" * 10_001, "(?P<a>x)(?P<a>y)"])
def test_what_is_no_pattern_is_bad_input(pattern: str) -> None:
    with pytest.raises(InputError, match="regular expression"):
        compiled(pattern)
