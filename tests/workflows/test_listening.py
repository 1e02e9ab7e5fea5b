"""A port is held before anything is opened, and what cannot be listened at is said in a sentence."""

from __future__ import annotations

import socket

import pytest

from rlaif.errors import InputError
from rlaif.workflows.listening import address_of, is_loopback, listen

pytestmark = pytest.mark.timing


def test_whoever_reads_the_address_can_connect_at_once() -> None:
    with listen(0) as held, socket.create_connection(held.getsockname(), 300):
        assert address_of(held) == f"http://127.0.0.1:{held.getsockname()[1]}"


def test_a_port_in_use_and_an_address_of_another_machine_are_refused() -> None:
    with (
        listen(0) as held,
        pytest.raises(InputError, match=r"--port \d+: cannot be used \(Address already in use\)"),
    ):
        listen(held.getsockname()[1])
    with pytest.raises(InputError, match=r"--host 192\.0\.2\.1: cannot be used"):
        listen(0, "192.0.2.1")
    with pytest.raises(InputError, match=r"--host a\.\.b: cannot be used"):
        listen(0, "a..b")


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("localhost.example", False),
    ],
)
def test_only_this_machines_own_addresses_are_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) is own
