"""Open the judge, listen, and answer until somebody asks to stop."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rlaif.records import Completion, Prompt
from rlaif.workflows.listening import address_of, listen, require_web_packages, serve_until_stopped
from rlaif.workflows.models.failures import commonest
from rlaif.workflows.reward.run import OpenReward
from rlaif.workflows.reward.serve.app import RewardDesk, make_reward_app
from rlaif.workflows.reward.serve.batches import Batches
from rlaif.workflows.reward.serve.config import ServeRewardConfig, token_of
from rlaif.workflows.reward.serve.privacy import shown
from rlaif.workflows.reward.serve.shapes import SHAPES

GRACE_S = 25.0
"""Seconds in which requests under way are finished once somebody asks to stop: schedulers kill after 30."""
TELLING = 8
"""Rows without a single reward after which that is said: a judge that can never be read gives nulls for ever."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedReward:
    """A reward server that listens."""

    address: str
    about: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Address, the addresses of each wire shape, and what is served."""
        shapes = {name: f"{self.address}/{name}" for name in SHAPES.names()}
        return {"address": self.address, "shapes": shapes, **self.about}


def serve(config: ServeRewardConfig, *, said: Callable[[ServedReward], None]) -> Counter[str]:
    """Serve until SIGINT or SIGTERM; requests under way are finished, what comes later is refused.

    Args:
        config: judge, limits and address.
        said: gets the address once there is one.

    Returns:
        How many requests and rows there were, and how many rows have no reward.

    Raises:
        EngineError: the web packages are not installed, or the server of a judge is not reached.
        InputError: the port is in use, other machines would be let in without a token, or there is no such judge.
        KeyboardInterrupt: asked to stop a second time, or the judge did not come to an end.
    """
    require_web_packages("serve-reward")
    token = token_of(config)
    # one thread opens the judge, asks it and closes it: no engine has to bear several
    judging = ThreadPoolExecutor(1, thread_name_prefix="judge")
    with listen(config.port, config.host) as held:
        try:
            opened = judging.submit(OpenReward, config).result()
            about = {
                "judge": opened.judge,
                "constitution": config.constitution,
                "protocol": opened.protocol,
                "fingerprint": opened.fingerprint,
            }
            batches = Batches(_Quietly(opened), executor=judging, most_rows=config.max_rows)
            desk = RewardDesk(
                batches=batches, config=config, token=token, about=about, calls=lambda: opened.calls
            )
            said(ServedReward(address=address_of(held), about={**about, "token_env": config.token_env}))
            serve_until_stopped(make_reward_app(desk), held, grace_s=GRACE_S)
            if batches.asking:  # its calls that have ended are in the store
                raise KeyboardInterrupt
            judging.submit(opened.close).result()
            return desk.counts
        finally:
            judging.shutdown(wait=False, cancel_futures=True)


class _Quietly:
    """The rewards, and what an operator has to know of them, without any text of the rollouts."""

    def __init__(self, opened: OpenReward) -> None:
        self._opened, self._rows, self._silent = opened, 0, True

    def __call__(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> Sequence[float | None]:
        found = self._opened.scored(prompts, completions)
        for each in self._opened.newly_failed():
            reason = shown(commonest(each), prompts, completions)
            _log.warning("no reward where a call failed, the first of %s: %s", each.name, reason)
        before, self._rows = self._rows, self._rows + len(found)
        self._silent &= all(each is None for each in found)
        if self._silent and before < TELLING <= self._rows:
            _log.warning(
                "none of the first %d rows has a reward: the judge cannot be read, abstains or fails; "
                "see `rlaif judge check`, and choose another protocol or judge",
                self._rows,
            )
        return found
