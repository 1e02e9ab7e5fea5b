"""What `rlaif serve-reward` can be told: a judge's reward, and who may ask for how much of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from rlaif.errors import InputError
from rlaif.secrets import hide
from rlaif.settings import setting
from rlaif.workflows.listening import LOOPBACK, is_loopback
from rlaif.workflows.reward.run import JudgeRewardConfig

SERVER = "Server"
LEAST_TOKEN = 16
"""Characters of a token: fewer can be guessed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeRewardConfig(JudgeRewardConfig):
    """Serve a judge's rewards to trainers that run elsewhere."""

    host: str = setting(
        LOOPBACK,
        help="Address to listen at; one that other machines reach needs a token (token_env).",
        group=SERVER,
    )
    port: int = setting(0, help="Port [default: any free one].", least=0, most=65535, group=SERVER)
    token_env: str | None = setting(
        None,
        help="Name of the environment variable with the token that requests must carry [default: no token, and this "
        "machine alone].",
        metavar="NAME",
        group=SERVER,
    )
    max_body: int = setting(16_000_000, help="Largest request, in bytes.", least=1000, group=SERVER)
    max_rows: int = setting(1024, help="Most rows of a request.", least=1, group=SERVER)
    max_requests: int = setting(
        256,
        help="Most requests at once, waiting ones included; further ones are told to come again (429).",
        least=1,
        group=SERVER,
    )


def token_of(config: ServeRewardConfig, environment: Mapping[str, str] = os.environ) -> str | None:
    """The token that requests must carry; None where none is wanted. From now on it is shown nowhere.

    Raises InputError where other machines would be let in without one, or the variable holds none.
    """
    if config.token_env is None:
        if not is_loopback(config.host):
            raise InputError(
                f"--host {config.host}: other machines could ask the judge; name the variable with their token "
                "(--token-env NAME), or leave --host out"
            )
        return None
    token = environment.get(config.token_env, "").strip()
    if len(token) < LEAST_TOKEN:
        what = f"has fewer than {LEAST_TOKEN} characters" if token else "is not set"
        raise InputError(
            f"--token-env {config.token_env}: this variable {what}; put a long random token into it, such as that of "
            "`openssl rand -hex 32`"
        )
    hide(token)
    return token
