"""Version ranges of `extends`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.constitution.versions import parse_version, satisfies


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("1.2.3", "^1", True),
        ("1.2.3", "^1.3", False),
        ("1.2.3", "^1.2.3", True),
        ("2.0.0", "^1", False),
        ("2.0.0-dev", "^1", False),
        ("1.3.0-dev", "^1", True),
        ("0.2.5", "^0.2", True),
        ("0.3.0", "^0.2", False),
        ("0.0.4", "^0.0.3", False),
        ("1.2.9", "~1.2", True),
        ("1.3.0", "~1.2", False),
        ("1.9.0", "~1", True),
        ("1.2.3", "1", True),
        ("1.2.3", "1.2", True),
        ("1.2.3", "1.2.x", True),
        ("1.2.3", "1.2.3", True),
        ("1.2.3-dev", "1.2.3", False),
        ("1.2.3-dev", "1.2.3-dev", True),
        ("1.2.3", ">=1.1, <2", True),
        ("1.2.3", ">=1.1 <1.2", False),
        ("2.0.0-dev", "<2", False),
        ("1.2.3", ">1.2", False),
        ("1.3.0", ">1.2", True),
        ("1.2.9", "<=1.2", True),
        ("1.3.0", "<=1.2", False),
        ("9.9.9", "*", True),
    ],
)
def test_a_version_fits_a_range_as_semantic_versions_do(version: str, wanted: str, fits: bool) -> None:
    assert satisfies(version, wanted) is fits


@pytest.mark.parametrize("wanted", ["", "^", "one", "^1.2.3.4", "latest", ">=1 or 2"])
def test_a_range_that_cannot_be_read_is_an_error(wanted: str) -> None:
    with pytest.raises(ValueError, match="range"):
        satisfies("1.0.0", wanted)


def test_labels_sort_before_the_release_and_by_number() -> None:
    names = ["1.0.0-alpha", "1.0.0-alpha.2", "1.0.0-alpha.10", "1.0.0-dev", "1.0.0", "1.0.1-dev"]
    assert sorted(names, key=lambda each: parse_version(each).rank) == names


numbers = st.integers(0, 20)


@given(numbers, numbers, numbers)
def test_every_version_lies_in_its_own_caret_and_tilde_range(major: int, minor: int, patch: int) -> None:
    version = f"{major}.{minor}.{patch}"
    assert satisfies(version, f"^{version}")
    assert satisfies(version, f"~{version}")
    assert not satisfies(f"{major + 1}.0.0", f"^{version}")
