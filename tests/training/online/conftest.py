"""What the tests of the online stage share."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str, object], None]:
    """Print a measured bias (`pytest -rP` shows it), and keep it in the JUnit report."""

    def write(name: str, value: object) -> None:
        record_property(name, str(value))
        sys.stdout.write(f"{name}: {value}\n")

    return write
