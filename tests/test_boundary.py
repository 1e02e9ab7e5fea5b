"""Whatever comes from outside is one sentence of ours; a full disk is said as such, whoever meets it."""

from __future__ import annotations

import errno

import pytest

from rlaif.boundary import MAX_TOLD, outside
from rlaif.errors import DiskError, ModelError, RunError


@pytest.mark.parametrize(
    "raised", [ValueError, ZeroDivisionError, RecursionError, MemoryError, AttributeError]
)
def test_any_exception_from_outside_is_one_sentence_with_the_place_and_the_remedy(
    raised: type[Exception],
) -> None:
    with pytest.raises(ModelError) as caught, outside(ModelError, "here", "mend it"):
        raise raised("two\nlines")
    assert str(caught.value).startswith("here: ")
    assert str(caught.value).endswith("; mend it")
    assert "\n" not in str(caught.value)


def test_what_is_ours_and_an_interruption_pass_as_they_are() -> None:
    for each in (RunError("ours"), KeyboardInterrupt()):
        with pytest.raises(type(each)) as caught, outside(ModelError, "here", "mend it"):
            raise each
        assert caught.value is each


@pytest.mark.parametrize(
    "problem",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "over"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_said_as_such_and_is_no_bad_input(problem: Exception) -> None:
    with (
        pytest.raises(DiskError, match="make room, and the same command goes on") as caught,
        outside(ModelError, "x", "y"),
    ):
        raise problem
    assert caught.value.exit_code == 1


def test_a_foreign_message_is_cut_and_one_without_words_is_named_by_its_kind() -> None:
    with pytest.raises(ModelError) as caught, outside(ModelError, "here", "mend it"):
        raise ValueError("x" * 10_000)
    assert len(str(caught.value)) < MAX_TOLD + 40
    with (
        pytest.raises(ModelError, match="here: KeyError 'key'; mend it"),
        outside(ModelError, "here", "mend it"),
    ):
        raise KeyError("key")
