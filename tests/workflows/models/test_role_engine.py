"""A model in a role is asked as the role has it, and its calls are kept under all that was sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rlaif.engines.recorded import RecordedEngine
from rlaif.records import GenerateRequest, Generation, ScoreRequest
from rlaif.store import Store
from rlaif.workflows.models.role_engine import RoleEngine
from rlaif.workflows.models.role_requests import RoleRequests
from tests.engines.test_recorded import Echo, draw

ROLE = RoleRequests(chat_template_kwargs={"enable_thinking": True}, body={"x": 1}, max_thought_tokens=7)


class Hears(Echo):
    """Keeps what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[GenerateRequest] = []

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        self.heard += (asked := list(requests))
        return super().generate(asked)


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[tuple[Hears, RecordedEngine]]:
    with Store.open(tmp_path / "store.sqlite") as store:
        engine = Hears()
        yield engine, RecordedEngine(engine, store)


def test_each_request_carries_the_role_and_what_it_says_itself_goes_before(
    behind: tuple[Hears, RecordedEngine],
) -> None:
    hears, recorded = behind
    own = replace(draw("b"), chat_template_kwargs={"enable_thinking": False, "y": 2})
    list(RoleEngine(recorded, ROLE).generate([draw("a"), own]))
    plain, said = hears.heard
    assert (plain.chat_template_kwargs, plain.body) == ({"enable_thinking": True}, {"x": 1})
    assert plain.sampling.max_thought_tokens == 7
    assert said.chat_template_kwargs == {"enable_thinking": False, "y": 2}


def test_the_same_question_in_two_roles_is_two_calls_of_one_model(
    behind: tuple[Hears, RecordedEngine],
) -> None:
    hears, recorded = behind
    role = RoleEngine(recorded, ROLE)
    for _ in range(2):
        list(recorded.generate([draw("a")]))
        list(role.generate([draw("a")]))
    assert len(hears.heard) == 2
    assert role.fingerprint == recorded.fingerprint
    assert (recorded.new_calls, recorded.reused_calls) == (2, 2)


def test_its_key_is_that_of_the_call_that_is_kept(behind: tuple[Hears, RecordedEngine]) -> None:
    _, recorded = behind
    role = RoleEngine(recorded, ROLE)
    list(role.generate([draw("a")]))
    assert recorded.store.get_many([role.key(draw("a"))], ["a"])
    assert not recorded.store.get_many([recorded.key(draw("a"))], ["a"])
    score = ScoreRequest(id="s", messages=draw("a").messages, continuations=("x",))
    list(role.score([score]))
    assert recorded.store.get_many([role.key(score)], ["s"])
