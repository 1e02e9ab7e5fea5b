"""Other machines are let in with a token alone, and the token comes from a variable that is named."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.secrets import cleaned, forget
from rlaif.workflows.reward.serve.config import ServeRewardConfig, token_of

TOKEN = "a-long-token-of-this-test"


def config(**changed: Any) -> ServeRewardConfig:
    return ServeRewardConfig(judge="micro", constitution="micro-default", **changed)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_alone_needs_no_token(host: str) -> None:
    assert token_of(config(host=host), {}) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "127.0.0.2", "example.org", ""])
def test_an_address_that_others_reach_needs_a_token(host: str) -> None:
    with pytest.raises(InputError, match="--token-env NAME"):
        token_of(config(host=host), {"RLAIF_TOKEN": TOKEN})
    assert token_of(config(host=host, token_env="MINE"), {"MINE": f" {TOKEN}\n"}) == TOKEN
    forget()


@pytest.mark.parametrize(
    ("held", "says"), [({}, "is not set"), ({"MINE": "short"}, "fewer than 16 characters")]
)
def test_a_variable_without_a_long_token_is_refused(held: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        token_of(config(token_env="MINE"), held)
    assert "short" not in str(refused.value)


def test_the_token_is_shown_nowhere_once_it_was_read() -> None:
    token_of(config(token_env="MINE"), {"MINE": TOKEN})
    assert TOKEN not in cleaned(f"refused: {TOKEN}")
    forget()
