"""The review page without a browser: who may come in, what is kept, what is walked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from markupsafe import escape
from starlette.testclient import TestClient

from rlaif.exchange.pairs import write_pairs
from rlaif.records import Message, Pair, ToolCall
from rlaif.review.app import MAX_BODY, Desk, make_app
from rlaif.review.decided import review_standing
from rlaif.review.guard import HEADERS
from rlaif.review.index import PairIndex, sides
from rlaif.store import Store
from rlaif.store.decisions import decisions

HOSTILE = "</pre><script>document.title='owned'</script><img src=x onerror=alert(1)>{{ 7331 * 7177 }}"
COMPUTED = str(7331 * 7177)
"""A number that no token, digest, path or figure of a page holds by chance."""
pytestmark = pytest.mark.timing


def pair(number: int, **changed: object) -> Pair:
    values = {
        "label_prob": 0.6 if number % 2 else 0.95,
        "order_consistent": number % 3 != 0,
        "principles": ({"id": "greet", "p": 0.9}, {"id": "brief", "p": 0.5 if number % 2 else 0.1}),
        "round": 1,
    } | changed
    return Pair(
        prompt=(Message(role="user", content=f"ask number {number}"),),
        chosen=(Message(role="assistant", content=f"good {number} {HOSTILE}"),),
        rejected=(Message(role="assistant", content=f"bad {number}"),),
        **values,  # type: ignore[arg-type]
    )


PAIRS = [pair(number) for number in range(60)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    write_pairs(tmp_path / "pairs.jsonl", PAIRS)
    with Store.open(tmp_path / "store.sqlite") as store:
        yield Desk(index=PairIndex(tmp_path), store=store, reviewer="ann", token="a-token-of-this-test")


@pytest.fixture
def page(desk: Desk) -> TestClient:
    client = TestClient(make_app(desk), base_url="http://127.0.0.1")
    assert client.get(f"/?token={desk.token}").status_code == 200
    return client


def say(page: TestClient, desk: Desk, place: int, what: str, **fields: str) -> str:
    form = {"key": desk.form_key, "place": str(place), "say": what, **fields}
    answer = page.post("/say", data=form, follow_redirects=False)
    assert answer.status_code == 303
    return answer.headers["location"]


def test_nobody_comes_in_without_the_token(desk: Desk) -> None:
    client = TestClient(make_app(desk), base_url="http://127.0.0.1")
    for path in ("/", "/pair/0", "/assets/review.js", "/?token=guess"):
        assert client.get(path).status_code == 403
    assert client.post("/say", data={"say": "a"}).status_code == 403


def test_the_token_leaves_the_address_and_stays_in_a_cookie_of_this_site(desk: Desk) -> None:
    client = TestClient(make_app(desk), base_url="http://127.0.0.1")
    answer = client.get(f"/?token={desk.token}&doubtful=1", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?doubtful=1")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", ""])
def test_another_name_for_this_machine_is_refused(desk: Desk, host: str) -> None:
    client = TestClient(make_app(desk), base_url="http://127.0.0.1")
    assert client.get(f"/?token={desk.token}", headers={"host": host}).status_code == 403


def test_another_site_cannot_write(page: TestClient, desk: Desk) -> None:
    form = {"key": desk.form_key, "place": "0", "say": "a"}
    assert page.post("/say", data=form, headers={"origin": "http://evil.example"}).status_code == 403
    assert page.post("/say", data=form, headers={"origin": "http://127.0.0.1:9"}).status_code == 403
    assert page.post("/say", data=form | {"key": "guess"}).status_code == 403
    assert page.get("/say").status_code == 405
    assert decisions(desk.store) == []


def test_every_answer_says_what_may_run(page: TestClient, desk: Desk) -> None:
    for answer in (page.get("/"), page.get("/pair/0"), page.get("/pair/999"), page.get("/assets/review.js")):
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_what_models_wrote_is_text(page: TestClient) -> None:
    text = page.get("/pair/0").text
    assert "<script>document" not in text
    assert "<img src=x" not in text
    assert escape(HOSTILE) in text
    assert COMPUTED not in text
    assert len(re.findall(r"<script", text)) == 1


def test_the_label_is_not_told_before_one_looks(page: TestClient) -> None:
    text = page.get("/pair/0").text
    before = text.split('<details id="evidence">')[0]
    assert "chosen" not in before
    assert "0.950" not in before
    assert "<details open" not in text


def test_nothing_of_the_judge_is_in_the_page_before_a_decision_of_this_reviewer(
    page: TestClient, desk: Desk
) -> None:
    assert 'id="evidence"' not in page.get("/pair/0").text
    say(page, desk, 0, "flag")
    assert 'id="evidence"' not in page.get("/pair/0").text
    say(page, desk, 0, "a")
    text = page.get("/pair/0").text
    assert "Label: <b>" in text
    assert "b2:" not in text.partition("Where it comes from</h3>")[2].partition("</table>")[0].replace(
        'title="b2:', ""
    )
    [said] = decisions(desk.store)
    assert not said.seen


def test_a_decision_after_the_judge_was_seen_is_marked_and_counts_in_no_agreement(
    page: TestClient, desk: Desk
) -> None:
    assert say(page, desk, 1, "see") == "/pair/1?"
    assert decisions(desk.store) == []
    assert "Label: <b>" in page.get("/pair/1").text
    say(page, desk, 1, "a")
    [said] = decisions(desk.store)
    assert said.seen
    assert "having seen what the judge says" in page.get("/pair/1").text
    [rater] = review_standing(desk.index, decisions(desk.store), desk.reviewer).raters
    assert (rater.decided, rater.seen, rater.agree) == (1, 1, None)


def test_sides_stand_in_an_order_that_says_nothing() -> None:
    first = [sides(each)[0].turns[-1].content.startswith("good") for each in PAIRS]
    assert 15 < sum(first) < 45


def test_a_word_is_kept_with_who_and_when_and_leads_on(page: TestClient, desk: Desk) -> None:
    assert say(page, desk, 0, "a") == "/pair/1?"
    (said,) = decisions(desk.store)
    assert (said.pair, said.reviewer, said.prefers) == (PAIRS[0].id, "ann", sides(PAIRS[0])[0][0])
    assert said.at > 1e9
    say(page, desk, 0, "b")
    (said,) = decisions(desk.store)
    assert said.prefers == sides(PAIRS[0])[1][0]


def test_undo_gives_back_what_stood_before(page: TestClient, desk: Desk) -> None:
    say(page, desk, 3, "a")
    say(page, desk, 3, "tie", note="hard")
    assert say(page, desk, 3, "undo") == "/pair/3?"
    (said,) = decisions(desk.store)
    assert (said.prefers, said.note) == (sides(PAIRS[3])[0][0], "")
    say(page, desk, 3, "undo")
    assert decisions(desk.store) == []
    say(page, desk, 3, "undo")
    assert decisions(desk.store) == []
    say(page, desk, 3, "b")
    say(page, desk, 3, "flag")
    say(page, desk, 3, "undo")
    (said,) = decisions(desk.store)
    assert (said.prefers, said.flag) == (sides(PAIRS[3])[1][0], False)


def test_flags_and_notes_stay_at_the_pair(page: TestClient, desk: Desk) -> None:
    assert say(page, desk, 5, "flag", text="ask") == "/pair/5?text=ask"
    assert say(page, desk, 5, "note", note="look <b>here</b>") == "/pair/5?"
    (said,) = decisions(desk.store)
    assert (said.flag, said.note, said.prefers) == (True, "look <b>here</b>", None)
    assert "&lt;b&gt;here" in page.get("/pair/5").text


def test_filters_walk_only_what_passes(page: TestClient, desk: Desk) -> None:
    assert "<h1>30 pairs</h1>" in page.get("/?doubtful=1").text
    assert "<h1>20 pairs</h1>" in page.get("/?inconsistent=1").text
    assert "<h1>30 pairs</h1>" in page.get("/?principle=brief").text
    assert "<h1>1 pair</h1>" in page.get("/?text=ask+number+17").text
    assert "<h1>0 pairs</h1>" in page.get("/?round=7").text
    # 3, 9, 15 ...: doubtful and inconsistent
    assert say(page, desk, 3, "a", doubtful="1", inconsistent="1") == "/pair/9?doubtful=1&inconsistent=1"
    say(page, desk, 4, "flag")
    assert "<h1>1 pair</h1>" in page.get("/?flagged=1").text
    assert "<h1>58 pairs</h1>" in page.get("/?open=1").text


def test_a_decided_pair_leaves_the_walk_of_open_ones_and_the_next_comes(page: TestClient, desk: Desk) -> None:
    assert say(page, desk, 0, "a", open="1") == "/pair/1?open=1"
    assert say(page, desk, 1, "b", open="1") == "/pair/2?open=1"


def test_a_page_lists_fifty_pairs(page: TestClient) -> None:
    assert len(re.findall(r'href="/pair/', page.get("/").text)) == 50
    assert len(re.findall(r'href="/pair/', page.get("/?page=2").text)) == 10
    assert page.get("/?page=999999999999").status_code == 200


def test_nonsense_is_answered_and_keeps_nothing(page: TestClient, desk: Desk) -> None:
    form = {"key": desk.form_key, "place": "0", "say": "maybe"}
    assert page.post("/say", data=form).status_code == 400
    assert page.post("/say", data=form | {"place": "-1"}).status_code == 404
    assert page.post("/say", data=form | {"place": "x"}).status_code == 404
    assert page.post("/say", content=b"a" * (MAX_BODY + 1)).status_code == 403
    assert page.post("/say", content=b"\xff\xfe").status_code == 403
    assert page.get("/pair/60").status_code == 404
    assert page.get("/assets/../app.py").status_code in (403, 404)
    assert page.get("/assets/app.py").status_code == 404
    assert decisions(desk.store) == []


def test_two_people_do_not_see_each_others_words(desk: Desk, page: TestClient) -> None:
    say(page, desk, 0, "a")
    other = Desk(index=desk.index, store=desk.store, reviewer="ben")
    client = TestClient(make_app(other), base_url="http://127.0.0.1")
    client.get(f"/?token={other.token}")
    assert "Not decided." in client.get("/pair/0").text


def test_a_broken_pairs_file_is_named_with_its_line(tmp_path: Path) -> None:
    from rlaif.errors import InputError

    (tmp_path / "pairs.jsonl").write_text(json.dumps({"prompt": "x"}) + "\n{broken\n")
    with pytest.raises(InputError, match=r"pairs\.jsonl:1"):
        PairIndex(tmp_path)


def _open(folder: Path, pairs: list[Pair]) -> Iterator[tuple[Desk, TestClient]]:
    write_pairs(folder / "pairs.jsonl", pairs)
    with Store.open(folder / "store.sqlite") as store:
        found = Desk(index=PairIndex(folder), store=store, reviewer="ann", token="t")
        client = TestClient(make_app(found), base_url="http://127.0.0.1")
        client.get("/?token=t")
        yield found, client


def thinking(number: int, thought: str = "so it is") -> Pair:
    """Both sides end alike: only what came before tells them apart."""
    last = Message(role="assistant", content="It is 5.")
    call = ToolCall(name="add", arguments=f'{{"a": {HOSTILE!r}}}', id="c1")
    asks = Message(role="assistant", content="", thought=thought, tool_calls=(call,))
    result = Message(role="tool", content="5", name="add", tool_call_id="c1")
    schema = {"type": "function", "function": {"name": "add", "description": HOSTILE}}
    return replace(pair(number), chosen=(asks, result, last), rejected=(last,), tools=(schema,))


def test_thoughts_calls_and_tools_are_folded_named_and_escaped(tmp_path: Path) -> None:
    for _, client in _open(tmp_path, [thinking(0, f"long {HOSTILE} thought")]):
        text = client.get("/pair/0").text
        assert '<details class="thought"><summary>thought (' in text
        assert '<details class="tools"><summary>tools: add</summary>' in text
        assert "<h3>tool result (add)</h3>" in text
        assert "<b>tool call</b>: " in text
        assert "<script>document" not in text
        assert "<img src=x" not in text
        assert COMPUTED not in text
        assert "<details open" not in text


def test_a_pair_whose_sides_end_alike_shows_all_their_turns(tmp_path: Path) -> None:
    pairs = [thinking(number, f"thought {number}") for number in range(12)]
    for desk, client in _open(tmp_path, pairs):
        for place, each in enumerate(pairs):
            first = sides(each)[0]
            wanted = "A" if first.turns == each.chosen else "B"
            say(client, desk, place, "a")
            assert f"Label: <b>{wanted}</b> is better" in client.get(f"/pair/{place}").text
        said = {each.pair: each.prefers for each in decisions(desk.store)}
        assert said == {each.id: sides(each)[0].id for each in pairs}
        assert len(set(said.values())) == len(pairs)


def test_the_label_is_not_told_by_a_side_of_several_turns(tmp_path: Path) -> None:
    pairs = [thinking(number, f"thought {number}") for number in range(12)]
    assert 1 < sum(sides(each)[0].turns == each.chosen for each in pairs) < 11
    for _, client in _open(tmp_path, pairs):
        before = client.get("/pair/0").text.split('<details id="evidence">')[0]
        assert "chosen" not in before


def test_a_prompt_that_ends_with_a_tools_result_is_listed_by_it(tmp_path: Path) -> None:
    call = Message(role="assistant", content="", tool_calls=(ToolCall(name="add", arguments="{}", id="c1"),))
    result = Message(role="tool", content="five", name="add", tool_call_id="c1")
    asked = replace(pair(0), prompt=(*pair(0).prompt, call, result))
    for _, client in _open(tmp_path, [asked]):
        assert "tool result (add): five</a>" in client.get("/").text
