"""Ids are content: equal values have equal digests everywhere and always, different ones differ."""

import functools
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.errors import InputError
from rlaif.hashing import (
    canonical_json,
    derived_seed,
    digest,
    digest_bytes,
    digest_files,
    source_fingerprint,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_digests_are_pinned() -> None:
    # every id that was ever stored is made by these
    assert digest() == "b2:7ebb3c7c2a87b1a2f8a7ed729ecb040d"
    assert digest("prompt", [["user", "Hé\n"]]) == "b2:198a38d764390992f1328e3c73e98f54"
    assert digest_bytes(b"abc") == "b2:cf4ab791c62b8d2b2109c90275287816"
    assert derived_seed(0, "b2:00", 3) == 4800520078572031267


@given(values)
def test_canonical_json_returns_the_value_and_is_its_own_canonical_form(value: object) -> None:
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text


@given(st.dictionaries(st.text(), st.integers(), min_size=2, max_size=4))
def test_key_order_does_not_count(value: dict[str, int]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


def test_where_one_part_ends_counts() -> None:
    assert (
        len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest(["ab", "c"]), digest("ab", ["c"])})
        == 5
    )


def test_numbers_and_texts_that_look_alike_differ() -> None:
    assert len({digest(1), digest("1"), digest(1.0), digest(True)}) == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_what_json_has_not_got_has_no_digest(value: object) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        digest(value)


def test_half_characters_have_a_digest_all_the_same() -> None:
    assert digest("\ud800") != digest("\udc00")


@given(st.integers(), st.text(), st.integers(0, 99))
def test_seeds_fit_where_seeds_go_and_depend_on_every_part(seed: int, name: str, draw: int) -> None:
    one = derived_seed(seed, name, draw)
    assert 0 <= one < 2**63
    assert one != derived_seed(seed, name, draw + 1)
    assert one != derived_seed(seed + 1, name, draw)


def test_files_are_known_by_name_and_bytes_and_not_by_place(tmp_path: Path) -> None:
    for folder, swapped in (("a", False), ("b", False), ("c", True)):
        (tmp_path / folder).mkdir()
        for name, text in (("x", "1"), ("y", "2")):
            (tmp_path / folder / name).write_text(str(3 - int(text)) if swapped else text)
    one, same, other = (digest_files(list((tmp_path / folder).iterdir())) for folder in "abc")
    assert one == same != other


def _one(text: str) -> str:
    return text


def _maker(word: str) -> Callable[[str], str]:
    def inner(text: str) -> str:
        return text + word

    return inner


def test_a_function_is_its_source_or_what_its_author_declares() -> None:
    derived = source_fingerprint(_one)
    assert derived.startswith(f"function:{__name__}._one@source:b2:")
    assert derived == source_fingerprint(_one)
    assert source_fingerprint(_one, "3") == f"function:{__name__}._one@version:3"


@pytest.mark.parametrize(
    "function", [_maker("x"), print, functools.partial(_one, "x"), eval("lambda text: text")]
)
def test_a_function_whose_source_does_not_say_what_it_does_must_be_declared(
    function: Callable[..., str],
) -> None:
    with pytest.raises(InputError, match="version='1'"):
        source_fingerprint(function)
    assert source_fingerprint(function, "1").endswith("@version:1")


def test_an_edited_function_is_another_one(tmp_path: Path) -> None:
    found = set()
    for number, body in enumerate(("1", "2", "1")):
        path = tmp_path / f"mine{number}.py"
        path.write_text(f"def score():\n    return {body}\n")
        spec = importlib.util.spec_from_file_location("mine", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found.add(source_fingerprint(module.score))
    assert len(found) == 2
