"""What all tests share: no clock, no chance, any order, as often as one likes; no key of one is known to another."""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from rlaif.secrets import forget

_CHECKS = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
# the first call of an operator loads its library, and a busy machine is slow: time says nothing about a rule
# a suite that was started in the background of a shell ignores it, and so would every process that a test interrupts
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# the same of one that outlives its terminal (`nohup`)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

CALM = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}
# the same examples every day: a new one that fails is a find, and no reason for somebody's change to wait;
# `--hypothesis-profile=search` looks for others
settings.register_profile("no-clock", derandomize=True, **CALM)
settings.register_profile("search", max_examples=1000, **CALM)
settings.load_profile("no-clock")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--order-seed", type=int, help="shuffle the files, and the tests in each, by this seed")
    parser.addoption("--repeat", type=int, default=1, help="run each test so many times")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if (times := metafunc.config.getoption("repeat")) > 1:
        metafunc.fixturenames.append("time_of_many")
        metafunc.parametrize("time_of_many", range(times))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of a file stay together, or each would pay for the file's fixtures; every worker shuffles alike."""
    if (seed := config.getoption("order_seed")) is None:
        return
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    shuffled = random.Random(seed)
    order = sorted(files)
    shuffled.shuffle(order)
    for name in order:
        shuffled.shuffle(files[name])
    items[:] = [item for name in order for item in files[name]]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Whatever draws without a seed draws the same, whichever tests ran before."""
    random.seed(0)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _no_secret_is_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keys of one test, and of the machine, are no matter of another."""
    for name in ("OPENAI_API_KEY", "RLAIF_KEY_VARIABLE"):
        monkeypatch.delenv(name, raising=False)
    forget()
    yield
    forget()
