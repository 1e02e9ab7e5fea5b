"""A reward server answers in rewards and nulls, lets in who may ask, and bounds everything that comes in."""

from __future__ import annotations

import json
import logging
import math
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from starlette.testclient import TestClient

from rlaif.errors import BudgetError, EngineError
from rlaif.records import Completion, Prompt
from rlaif.workflows.reward.serve.app import RewardDesk, make_reward_app
from tests.workflows.reward.serving import HANG_S, Held, Numbers, by_length, desk_of, serving, until

TOKEN = "a-long-token-of-this-test"
SECRET = "Rosebud was the name of his sledge"
"""A text that may stand in no log."""
pytestmark = pytest.mark.timing


def client(desk: RewardDesk) -> TestClient:
    return TestClient(make_reward_app(desk), base_url="http://127.0.0.1")


def rows(*texts: str) -> dict[str, Any]:
    return {"prompts": ["hi"] * len(texts), "completions": list(texts)}


def test_a_row_without_a_reward_is_null_and_the_others_keep_theirs() -> None:
    answer = client(desk_of()).post("/trl", json=rows("four", "mumble", ""))
    assert answer.status_code == 200
    assert answer.json() == {"rewards": [4.0, None, 0.0]}


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_null(odd: float) -> None:
    def score(prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Numbers:
        return [odd, 1.0]

    assert client(desk_of(score)).post("/trl", json=rows("a", "b")).json() == {"rewards": [None, 1.0]}


def test_no_rows_ask_nobody() -> None:
    held = Held()
    assert client(desk_of(held)).post("/trl", json=rows()).json() == {"rewards": []}
    assert held.batches == []


def test_health_counts_requests_rows_and_failures() -> None:
    page = client(desk_of())
    page.post("/trl", json=rows("four", "mumble"))
    page.post("/trl", json={"prompts": 3})
    found = page.get("/health").json()
    assert found == {
        "status": "ok",
        "judge": "a function",
        "requests": 1,
        "rows": 2,
        "failed": 1,
        "refused": 1,
        "under_way": 0,
        "calls": {},
    }


def basic(token: str) -> str:
    return f"Basic {b64encode(f'any:{token}'.encode()).decode()}"


@pytest.mark.parametrize("said", [f"Bearer {TOKEN}", f"bearer  {TOKEN} ", basic(TOKEN)])
def test_who_carries_the_token_may_ask(said: str) -> None:
    page = client(desk_of(token=TOKEN))
    assert page.post("/trl", json=rows("a"), headers={"Authorization": said}).status_code == 200
    assert "judge" in page.get("/health", headers={"Authorization": said}).json()


@pytest.mark.parametrize(
    "said",
    [
        "",
        TOKEN,
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        "Bearer ",
        "Basic",
        "Basic ???",
        basic("guess"),
        "Bearer é",
    ],
)
def test_nobody_else_may_ask_where_there_is_a_token(said: str) -> None:
    held = Held()
    page = client(desk_of(held, token=TOKEN))
    answer = page.post("/trl", json=rows("a"), headers={"Authorization": said.encode()})  # type: ignore[dict-item]
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert TOKEN not in answer.text
    assert page.get("/health").json() == {"status": "ok"}
    assert held.batches == []


@pytest.mark.parametrize(
    "headers",
    [{"host": "evil.example"}, {"host": "127.0.0.1.evil.example:80"}, {"origin": "http://127.0.0.1"}],
)
def test_without_a_token_no_web_page_may_ask(headers: dict[str, str]) -> None:
    answer = client(desk_of()).post("/trl", json=rows("a"), headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_web_page_can_send_without_asking_is_refused(kind: str) -> None:
    answer = client(desk_of()).post("/trl", content=json.dumps(rows("a")), headers={"content-type": kind})
    assert answer.status_code == 415


def test_an_address_that_is_none_names_those_that_there_are() -> None:
    answer = client(desk_of()).post("/vrel", json=rows("a"))
    assert (answer.status_code, "/openrlhf, /swift, /trl, /verl" in answer.json()["error"]) == (404, True)
    assert client(desk_of()).get("/trl").status_code == 405


HOSTILE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe{}",
    b'{"prompts": ["\xff"], "completions": [""]}',
    b"[" * 200_000,
    b'{"prompts": ' + b"[" * 200_000,
    b'{"prompts": ["hi"]}',
    b'{"prompts": "hi", "completions": "ho"}',
    b'{"prompts": ["hi"], "completions": []}',
    b'{"prompts": ["hi"], "completions": [3]}',
    b'{"prompts": ["hi"], "completions": [NaN]}',
    b'{"prompts": [" "], "completions": ["ho"]}',
    b'{"prompts": ["hi"], "completions": ["ho"], "weights": [0]}',
    b'{"prompts": ["\\ud800"], "completions": ["ho"]}',
    b'{"prompts": [[{"role": "user"}]], "completions": ["ho"]}',
    b'{"prompts": [[{"role": "user", "content": {"a": 1}}]], "completions": ["ho"]}',
    b'{"prompts": ["hi"], "completions": [[{"role": "user", "content": "ho"}]]}',
    b'{"prompts": [' + b"9" * 500 + b'], "completions": ["ho"]}',
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_a_body_that_cannot_be_read_is_refused_in_a_sentence(body: bytes) -> None:
    held = Held()
    answer = client(desk_of(held)).post("/trl", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert set(answer.json()) == {"error"}
    assert held.batches == []


def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    page = client(desk_of(max_body=1000))
    assert page.post("/trl", json=rows("a" * 1000)).status_code == 413

    def parts() -> Iterator[bytes]:  # without a length that could be believed
        yield from [b"a" * 600] * 3

    answer = page.post("/trl", content=parts(), headers={"content-type": "application/json"})
    assert (answer.status_code, "--max-body" in answer.json()["error"]) == (413, True)
    lied = {"content-type": "application/json", "content-length": "9" * 30}
    assert page.post("/trl", content=b"{}", headers=lied).status_code == 413


def test_more_rows_than_the_limit_are_refused() -> None:
    page = client(desk_of(max_rows=2))
    assert page.post("/trl", json=rows("a", "b")).status_code == 200
    answer = page.post("/trl", json=rows("a", "b", "c"))
    assert (answer.status_code, "at most 2" in answer.json()["error"]) == (413, True)


def test_a_request_too_many_is_told_when_to_come_again() -> None:
    held = Held()
    desk = desk_of(held, max_requests=2)
    with serving(desk) as address:
        waiting = [Asking(address, rows(text)) for text in ("a", "bb")]
        until(lambda: desk.under_way == 2)
        third = Asking(address, rows("ccc")).answer
        assert (third.status_code, third.headers["retry-after"]) == (429, "1")
        held.go.set()
        assert [each.answer.json() for each in waiting] == [{"rewards": [1.0]}, {"rewards": [2.0]}]
        assert Asking(address, rows("ccc")).answer.json() == {"rewards": [3.0]}


class Asking:
    """A request in a thread of its own."""

    def __init__(self, address: str, body: Any) -> None:
        self._found: Any = None
        self._thread = threading.Thread(target=self._ask, args=(address, body), daemon=True)
        self._thread.start()

    def _ask(self, address: str, body: Any) -> None:
        import httpx

        self._found = httpx.post(f"{address}/trl", json=body, timeout=HANG_S, verify=False)

    @property
    def answer(self) -> Any:
        self._thread.join(HANG_S)
        return self._found


def test_a_client_that_sends_too_slowly_gives_its_place_back() -> None:
    desk = desk_of(max_requests=1, body_s=0.2)
    head = b"POST /trl HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    with serving(desk) as address:
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), HANG_S) as slow:
            slow.sendall(head)
            assert b"408" in slow.recv(100)
        assert Asking(address, rows("a")).answer.status_code == 200


def test_a_client_that_breaks_off_gives_its_place_back() -> None:
    desk = desk_of(max_requests=1)
    head = b"POST /trl HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    with serving(desk) as address:
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), HANG_S) as broken:
            broken.sendall(head)
            until(lambda: desk.under_way == 1)
        until(lambda: desk.under_way == 0)
        assert Asking(address, rows("a")).answer.status_code == 200


def test_what_stops_the_judge_is_an_error_and_never_a_number() -> None:
    def spent(prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Numbers:
        raise BudgetError("the budget is used up")

    def broken(prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Numbers:
        raise KeyError(completions[0].text)

    answer = client(desk_of(spent)).post("/trl", json=rows("a"))
    assert (answer.status_code, answer.json()["error"]) == (503, "could not be judged: the budget is used up")
    answer = client(desk_of(broken)).post("/trl", json=rows(SECRET))
    assert (answer.status_code, answer.json()["error"]) == (500, "could not be judged: KeyError")


def test_no_text_stands_in_a_log_whatever_fails(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def telling(prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Numbers:
        raise EngineError(f"the server says: cannot read {completions[0].text!r}")

    def broken(prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Numbers:
        raise ValueError(completions[0].text)

    caplog.set_level(logging.DEBUG)
    bodies = [
        rows(SECRET),
        {"prompts": [SECRET], "completions": [3]},
        {"prompts": [[{"role": SECRET, "content": "x"}]], "completions": ["x"]},
        {SECRET: 3},
        SECRET,
    ]
    for score in (by_length, telling, broken):
        with serving(desk_of(score)) as address:
            for body in bodies:
                assert Asking(address, body).answer is not None
    told = [each.getMessage() for each in caplog.records if not each.name.startswith(("httpx", "httpcore"))]
    assert any("could not be judged" in each for each in told)
    shown = "".join([*told, *capfd.readouterr()])
    assert not any(part in shown for part in (SECRET, SECRET[:12], SECRET[-12:]))
