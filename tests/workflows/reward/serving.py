"""A reward server of a test's own, in a thread; its judge is a function, which an event can hold."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rlaif.records import Completion, Prompt
from rlaif.workflows.listening import address_of, listen
from rlaif.workflows.reward.serve.app import RewardDesk, make_reward_app
from rlaif.workflows.reward.serve.batches import Batches
from rlaif.workflows.reward.serve.config import ServeRewardConfig

HANG_S = 300.0
"""Ends a test that hangs, and decides nothing."""
FAILS = "mumble"
"""A completion that holds it has no reward."""
Numbers = list[float | None]


def by_length(prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Numbers:
    """A reward that arithmetic can follow: the number of letters; none for one that mumbles."""
    return [None if FAILS in each.text else float(len(each.text)) for each in completions]


@dataclass
class Held:
    """A judge that waits until it is let go, and says that it was asked."""

    score: Callable[[Sequence[Prompt], Sequence[Completion]], Numbers] = by_length
    asked: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    batches: list[int] = field(default_factory=list)

    def __call__(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Numbers:
        self.batches.append(len(completions))
        self.asked.set()
        assert self.go.wait(HANG_S)
        return self.score(prompts, completions)


def desk_of(score: Any = by_length, *, token: str | None = None, **limits: Any) -> RewardDesk:
    """A desk whose judge is a function."""
    body_s = limits.pop("body_s", HANG_S)
    config = ServeRewardConfig(judge="a function", constitution="none", **limits)
    batches = Batches(score, executor=ThreadPoolExecutor(1), most_rows=config.max_rows)
    return RewardDesk(
        batches=batches, config=config, token=token, about={"judge": "a function"}, calls=dict, body_s=body_s
    )


@contextmanager
def serving(desk: RewardDesk) -> Iterator[str]:
    """The address of a server, which answers until the block ends."""
    import uvicorn

    with listen(0) as held:
        server = uvicorn.Server(uvicorn.Config(make_reward_app(desk), log_level="warning", access_log=False))
        worker = threading.Thread(target=server.run, kwargs={"sockets": [held]}, daemon=True)
        worker.start()
        try:
            yield address_of(held)
        finally:
            server.should_exit = True
            worker.join(HANG_S)


def until(holds: Callable[[], bool]) -> None:
    """Wait for what must come."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < HANG_S, "it did not come"
        time.sleep(0.01)
