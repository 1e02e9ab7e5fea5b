"""Other people's libraries are quiet inside, and as they were afterwards; whoever wants to hear them can."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from rlaif.libraries import quiet as module
from rlaif.libraries.quiet import ENVIRONMENT, LOGGERS, VARIABLE, quiet, settle_environment, unheard


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (VARIABLE, *ENVIRONMENT, *filter(None, LOGGERS.values())):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "warnoptions", [])
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def level(name: str = "bitsandbytes") -> int:
    return logging.getLogger(name).level


def told() -> list[str]:
    """What a warning of a library comes to."""
    with warnings.catch_warnings(record=True) as found:
        warnings.warn("you should upgrade", FutureWarning, stacklevel=1)
    return [str(each.message) for each in found]


def test_inside_nothing_is_advised_and_afterwards_all_is_as_it_was() -> None:
    logging.getLogger("bitsandbytes").setLevel(logging.INFO)
    shown = warnings.showwarning
    with quiet():
        assert {level(name) for name in LOGGERS} == {logging.ERROR}
        assert logging.getLogger("bitsandbytes.backends.cpu.ops").isEnabledFor(logging.ERROR)
        assert not logging.getLogger("bitsandbytes.backends.cpu.ops").isEnabledFor(logging.WARNING)
        assert told() == []
    assert level() == logging.INFO
    assert warnings.showwarning is shown
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert told() == ["you should upgrade"]


def test_our_own_loggers_and_those_of_the_program_are_left_alone() -> None:
    with quiet():
        for name in ("rlaif", "somebody.elses"):
            assert logging.getLogger(name).isEnabledFor(logging.WARNING)


def test_the_last_to_leave_puts_back_what_the_first_found() -> None:
    logging.getLogger("peft").setLevel(logging.INFO)
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with quiet():
            entered.set()
            leave.wait(300)

    thread = threading.Thread(target=other)
    with quiet():
        thread.start()
        assert entered.wait(300)
    assert level("peft") == logging.ERROR
    leave.set()
    thread.join(300)
    assert level("peft") == logging.INFO


def test_a_level_that_somebody_sets_meanwhile_stays() -> None:
    with quiet():
        logging.getLogger("peft").setLevel(logging.DEBUG)
    assert level("peft") == logging.DEBUG


@pytest.mark.parametrize(("name", "variable"), [each for each in LOGGERS.items() if each[1]])
def test_who_asks_a_library_to_speak_hears_it(
    monkeypatch: pytest.MonkeyPatch, name: str, variable: str
) -> None:
    monkeypatch.setenv(variable, "info")
    before = level(name)
    settle_environment()
    with quiet():
        assert level(name) == before
        assert module.os.environ[variable] == "info"


def test_who_asks_to_hear_everything_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "show")
    before = level()
    settle_environment()
    with quiet(), warnings.catch_warnings(), unheard():
        warnings.simplefilter("always")
        assert level() == before
        assert told() == ["you should upgrade"]
        print("a banner")  # noqa: T201
    # stdout is for results
    assert capsys.readouterr() == ("", "a banner\n")
    assert not set(ENVIRONMENT) & set(module.os.environ)


def test_warnings_that_python_was_told_to_show_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "warnoptions", ["default"])
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("always")
        assert told() == ["you should upgrade"]


def test_what_talks_whatever_it_is_told_is_not_heard(capfd: pytest.CaptureFixture[str]) -> None:
    with unheard():
        print("a banner")  # noqa: T201
        print("another", file=sys.stderr)  # noqa: T201
    assert capfd.readouterr() == ("", "")
