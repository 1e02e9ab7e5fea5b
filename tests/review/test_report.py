"""The page is one file, holds what the run holds, and nothing that a model wrote can act in it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rlaif.auditing.audit import audit
from rlaif.auditing.calibration import Bin
from rlaif.auditing.planted import Planted, planted_run
from rlaif.exchange.pairs import write_pairs
from rlaif.records import Message, Pair, ToolCall
from rlaif.review import charts
from rlaif.review.audit_tables import sections
from rlaif.review.distributions import edges
from rlaif.review.gathered import MOST_DOUBTFUL, SAMPLED, gather, histogram
from rlaif.review.report import ReportExtras, render_report, write_report, write_training_report
from rlaif.review.rounds import MADE_OF, REACHED, cell, tables
from rlaif.review.tables import table
from tests.review.view import projects

ATTACK = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7331 * 7177 }}"
COMPUTED = str(7331 * 7177)
"""A number that no digest, date or figure of a page holds by chance."""


def pair(text: str = "good", **changed: Any) -> Pair:
    def turn(role: Any, content: str) -> tuple[Message, ...]:
        return (Message(role=role, content=content),)

    values = {"label_prob": 0.9, "principles": ({"id": "greet", "p": 0.8},)} | changed
    return Pair(
        prompt=turn("user", "ask"),
        chosen=turn("assistant", text),
        rejected=turn("assistant", "bad"),
        **values,
    )


def run_with(folder: Path, pairs: list[Pair], rounds: list[dict[str, Any]] | None = None) -> Path:
    write_pairs(folder / "pairs.jsonl", pairs)
    if rounds is not None:
        (folder / "rounds.json").write_text(json.dumps(rounds))
    return folder


FACTS: dict[str, Any] = {
    "command": "generate",
    "status": "done",
    "config": {"constitution": {"digest": "b2:abc"}},
    "summary": {"funnel": {"prompts": 3, "kept": 1}},
}


def row(number: int, gold: float) -> dict[str, Any]:
    return {
        "round": number,
        "gold_mean": gold,
        "gold_greedy": gold,
        "gold_by_principle": {"greet": gold},
        "judge_mean": 0.5,
        "judge_accuracy_on_policy": 0.9,
        "pairs": 7 if number else None,
        "pair_precision": 0.9 if number else None,
        "kl": 0.0,
        "length_mean": 20.0,
        "gap": {"mean": 0.4, "judge_best": 0.6, "oracle_best": 0.7} if number else None,
    }


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def tags(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(page)
    return parser.seen


@pytest.mark.parametrize("place", ["text", "critique", "principle", "facts"])
def test_what_a_model_or_user_wrote_is_text_and_never_markup(tmp_path: Path, place: str) -> None:
    facts = FACTS | ({"name": ATTACK} if place == "facts" else {})
    written = {
        "text": pair(ATTACK),
        "critique": pair(critique=ATTACK),
        "principle": pair(principles=({"id": ATTACK, "p": 0.5},)),
        "facts": pair(),
    }[place]
    page = render_report(run_with(tmp_path, [written]), facts)
    assert not [tag for tag, _ in tags(page) if tag in ("script", "img")]
    assert "&lt;script&gt;" in page
    assert "7331 * 7177" in page
    assert COMPUTED not in page


def test_the_page_fetches_nothing(tmp_path: Path) -> None:
    page = render_report(run_with(tmp_path, [pair()], [row(0, 0.4), row(1, 0.8)]), FACTS)
    assert "http://" not in page
    assert "https://" not in page
    links = [values for _, values in tags(page) if {"src", "href", "srcset", "action"} & values.keys()]
    assert all((values.get("href") or "").startswith("#") for values in links)
    assert "url(" not in page
    assert "@import" not in page


def test_it_shows_rounds_funnel_principles_pairs_and_digests(tmp_path: Path) -> None:
    page = render_report(run_with(tmp_path, [pair()], [row(0, 0.4), row(1, 0.8)]), FACTS)
    for text in (
        "Rounds",
        "Funnel",
        "Principles",
        "greet",
        "b2:abc",
        "0.400",
        "0.800",
        "light-dark(",
        "Reliability",
        "Lengths and margins",
        "Most doubtful pairs",
        "Hashes",
    ):
        assert text in page
    assert "<svg" in page


def test_a_run_without_rounds_shows_the_judges_principles(tmp_path: Path) -> None:
    page = render_report(run_with(tmp_path, [pair(), pair("two")]), FACTS)
    assert "by the judge" in page
    assert 'id="rounds"' not in page


def test_how_the_judge_applied_each_principle_is_a_table(tmp_path: Path) -> None:
    figures = {"compared": 40, "told_apart": 20, "order_consistency": 0.65, "unread": 1}
    summary = {"principles": {"greet": figures}, "tests": {"greet": {"tests": 3, "passed": 2}}}
    warned = {"warnings": ["principle 'greet': this judge cannot apply it"]}
    page = render_report(run_with(tmp_path, [pair()]), FACTS | {"summary": summary | warned})
    assert "<td>0.650</td>" in page
    assert "<td>2 of 3</td>" in page
    assert "<li>principle &#39;greet&#39;: this judge cannot apply it<span" in page


def test_the_consistency_of_each_round_is_a_column(tmp_path: Path) -> None:
    rounds = [row(0, 0.4) | {"order_consistency": {}}, row(1, 0.8) | {"order_consistency": {"greet": 0.75}}]
    page = render_report(run_with(tmp_path, [], rounds), FACTS)
    assert '<th scope="col">round 1</th>' in page
    assert "<td>0.750</td>" in page
    assert '<th scope="col">round 0</th>' not in page


def test_many_pairs_are_shown_in_part_and_counted_whole(tmp_path: Path) -> None:
    page = render_report(run_with(tmp_path, [pair(f"t{n}") for n in range(100)]), FACTS)
    assert page.count('<details class="pair"') == MOST_DOUBTFUL + SAMPLED
    assert f"{MOST_DOUBTFUL} of 100" in page


def test_a_run_that_made_nothing_has_a_report_too(tmp_path: Path) -> None:
    assert write_report(run_with(tmp_path, []), FACTS) == tmp_path / "report.html"


def test_charts_escape_their_labels_and_leave_gaps() -> None:
    drawn = charts.lines("<t>", {"<s>": [0.1, None, 0.3]})
    assert "<t>" not in drawn
    assert "<s>" not in drawn
    assert drawn.count("<circle") == 2
    assert charts.lines("empty", {"a": [None]}) == ""
    assert charts.bars({}, names=["n"]) == ""


def test_the_tables_of_a_loop_fit_a_terminal() -> None:
    rounds = [row(number, 0.123) | {"replay_share": 0.2, "pairs": 1000} for number in range(12)]
    for _, head, rows in tables(rounds):
        assert max(len(line) for line in table(head, rows).splitlines()) <= 80
    assert [len(rows) for _, _, rows in tables(rounds)] == [12, 11]
    assert len(tables(rounds[:1])) == 1


def test_every_column_of_the_table_is_a_key_of_a_row(tmp_path: Path) -> None:
    shown = {column.partition(".")[0] for column in REACHED | MADE_OF}
    assert shown - {"against", "replay_share"} <= row(1, 0.5).keys()
    assert cell({"gap": {"mean": 0.25}}, "gap.mean") == "0.250"
    assert cell({"gap": None}, "gap.mean") == "-"


def test_the_most_doubtful_pairs_come_first_and_their_differences_are_marked(tmp_path: Path) -> None:
    many = [pair(f"text {n}", label_prob=0.6 + 0.004 * n) for n in range(90)]
    doubtful = [pair("warm milk", label_prob=0.5), pair("cold milk", label_prob=0.47)]
    page = render_report(run_with(tmp_path, [*many, *doubtful]), FACTS)
    listed = page[page.index('id="doubtful"') : page.index("Some others")]
    labels = [float(each) for each in re.findall(r"P\(chosen is better\) ([\d.]+)", listed)]
    assert labels[:3] == [0.5, 0.53, 0.6]
    assert labels == sorted(labels, key=lambda p: abs(p - 0.5))
    assert "<mark>warm milk</mark>" in listed


def test_shown_pairs_do_not_hang_on_the_order_of_the_file(tmp_path: Path) -> None:
    pairs = [pair(f"text {n}", label_prob=0.55 + 0.001 * (n % 7)) for n in range(60)]
    shown = []
    for number, listed in enumerate((pairs, pairs[::-1])):
        (tmp_path / str(number)).mkdir()
        page = render_report(run_with(tmp_path / str(number), listed), FACTS)
        shown.append(re.findall(r"<p><code>(b2:\w+)</code></p>", page))
    assert shown[0] == shown[1]
    assert len(shown[0]) > MOST_DOUBTFUL


def test_lengths_and_margins_are_counted_right() -> None:
    pairs = [
        pair("one two three", score_gap=0.5),
        pair("one", score_gap=1.5),
        pair("one two", score_gap=None),
    ]
    found = gather(pairs)
    assert list(found.words["chosen"]) == [3.0, 1.0, 2.0]
    assert list(found.words["rejected"]) == [1.0, 1.0, 1.0]
    assert list(found.gaps) == [0.5, 1.5]
    assert found.means == {"greet": pytest.approx(0.8)}
    assert histogram([0.0, 0.5, 1.0, 1.0, 2.0, 9.0, -1.0], [0, 1, 2]) == [3, 4]


def test_bounds_of_a_histogram_are_round_and_hold_the_values() -> None:
    assert edges([0.0, 7.0, 11.0]) == [float(each) for each in range(13)]
    assert edges([5.0, 5.0]) == [5.0, pytest.approx(5.1)]
    for values in ([0.13, 0.4, 0.92], [-3.0, 0.0, 250.0], list(range(1000))):
        bounds = edges(values)
        assert bounds[0] <= sorted(values)[len(values) // 100]
        assert 5 <= len(bounds) <= 15


def test_what_labels_say_is_drawn_against_what_is_true(tmp_path: Path) -> None:
    run = run_with(tmp_path, [pair()])
    assert "No truth is known" in render_report(run, FACTS)
    page = render_report(run, FACTS, ReportExtras(bins=[Bin(40, 0.7, 0.6), Bin(10, 0.9, 0.5)]))
    assert "40 labels that say 0.70 are right in 0.60" in page
    assert "No truth is known" not in page


def test_digests_of_files_are_those_that_sha256sum_prints(tmp_path: Path) -> None:
    page = render_report(run_with(tmp_path, [pair()]), FACTS)
    assert hashlib.sha256((tmp_path / "pairs.jsonl").read_bytes()).hexdigest() in page


def test_an_audit_stands_in_the_page_with_every_table(tmp_path: Path) -> None:
    audited = audit(planted_run(Planted(settings={"position": 2.0}), prompts=60))
    page = unescape(render_report(run_with(tmp_path, [pair()]), FACTS, ReportExtras(audited=audited)))
    assert "<b>position</b>" in page
    for each in sections(audited):
        assert each.title in page
        for row in each.rows:
            assert str(row[0]) in page


def test_every_scrolling_table_can_be_reached_by_keyboard_and_has_a_name(tmp_path: Path) -> None:
    seen = tags(render_report(run_with(tmp_path, [pair()], [row(0, 0.4), row(1, 0.8)]), FACTS))
    wide = [values for tag, values in seen if "wide" in (values.get("class") or "").split()]
    assert wide
    assert all(values.get("tabindex") == "0" and values.get("aria-label") for values in wide)
    anchors = {values["href"] for tag, values in seen if tag == "a"}
    assert anchors <= {f"#{values['id']}" for _, values in seen if "id" in values}


SHORT_ATTACK = "{{ 7331 * 7177 }}<script>alert(1)</script><img src=x>"
"""Names are cut where they are long."""
SCHEMA = {"type": "function", "function": {"name": "add", "parameters": {"title": "<b>sum</b>"}}}


def thinking(thought: str = "two and three", called: str = '{"a": 2}') -> Pair:
    """A pair of a thought, a call, its result and an answer against a plain answer."""
    chosen = (
        Message(
            role="assistant",
            content="",
            thought=thought,
            tool_calls=(ToolCall(name="add", arguments=called, id="c1"),),
        ),
        Message(role="tool", content="5 <i>exactly</i>", name="add", tool_call_id="c1"),
        Message(role="assistant", content="It is 5."),
    )
    return replace(pair(), chosen=chosen, tools=(SCHEMA,))


def test_thoughts_and_schemas_are_folded_and_several_turns_are_named(tmp_path: Path) -> None:
    page = render_report(run_with(tmp_path, [thinking()]), FACTS)
    seen = [values for tag, values in tags(page) if tag == "details"]
    folded = [values for values in seen if values.get("class") in ("thought", "tools")]
    assert len(folded) == 2
    assert not any("open" in values for values in folded)
    assert "<summary>thought (3 words)</summary><pre>two and three</pre>" in page
    assert "<summary>tools: add</summary>" in page
    assert "<b>chosen, tool result (add)</b>" in page
    assert "<b>chosen, assistant</b>: <mark>It is 5.</mark>" in page
    assert "<b>tool call</b>: <mark>add({&#34;a&#34;: 2})</mark>" in page
    assert '<pre class="rejected"><b>rejected</b>: <mark>bad</mark></pre>' in page
    assert "5 &lt;i&gt;exactly&lt;/i&gt;" in page
    assert "<b>sum</b>" not in page


@pytest.mark.parametrize("place", ["thought", "arguments", "name", "schema", "prompt"])
def test_what_stands_in_the_new_fields_is_text(tmp_path: Path, place: str) -> None:
    found = thinking(
        thought=ATTACK if place == "thought" else "hm", called=ATTACK if place == "arguments" else "{}"
    )
    if place == "name":
        found = replace(
            found, chosen=(*found.chosen[:1], replace(found.chosen[1], name=SHORT_ATTACK), found.chosen[2])
        )
    if place == "schema":
        found = replace(
            found, tools=({"type": "function", "function": {"name": ATTACK, "description": ATTACK}},)
        )
    if place == "prompt":
        earlier = (Message(role="user", content="x"), Message(role="assistant", content="y", thought=ATTACK))
        found = replace(found, prompt=(*earlier, *found.prompt))
    page = render_report(run_with(tmp_path, [found]), FACTS)
    assert not [tag for tag, _ in tags(page) if tag in ("script", "img")]
    assert "&lt;script&gt;" in page
    assert "7331 * 7177" in page
    assert COMPUTED not in page


def test_words_of_an_answer_are_those_of_all_its_turns_and_of_no_thought() -> None:
    first = Message(role="assistant", content="I add them.", thought="a b c d")
    asked = Message(role="user", content="Please do so now.")
    last = Message(role="assistant", content="It is 5.", thought="e")
    found = gather([replace(pair(), chosen=(first, asked, last)), pair("one two")])
    assert list(found.words["chosen"]) == [6.0, 2.0]
    assert list(found.thought_words["chosen"]) == [5.0, 0.0]
    assert list(found.thought_words["rejected"]) == [0.0, 0.0]


def test_the_length_of_thoughts_is_drawn_where_there_are_some(tmp_path: Path) -> None:
    assert "words of a thought" not in render_report(run_with(tmp_path, [pair()]), FACTS)
    assert "words of a thought" in render_report(run_with(tmp_path, [thinking()]), FACTS)


def test_a_training_has_a_report_with_its_curves_and_figures_in_words(tmp_path: Path) -> None:
    page = write_training_report(projects.trained(tmp_path / "gen")).read_text(encoding="utf-8")
    for words in ("Trained by dpo for 2 steps on gen.", "Is it trustworthy?", "loss", "org/small"):
        assert words in page
    assert "There are no pairs here" not in page
    assert "rewards/" not in page.partition("Figures at the end")[0]


def test_remedies_name_the_run_as_it_was_typed_and_stand_near_the_top(tmp_path: Path) -> None:
    run = run_with(tmp_path, [pair()], [row(0, 0.4), row(1, 0.8)])
    page = render_report(run, {**FACTS, "summary": {"warnings": ["something is odd"]}})
    assert f"rlaif audit {run}" in page
    assert page.index("something is odd") < page.index('id="doubts"') < page.index('id="curves"')


def test_what_has_no_pairs_is_not_headed_by_their_number(tmp_path: Path) -> None:
    run = projects.evaluated(tmp_path / "eval")
    page = render_report(run, json.loads((run / "run.json").read_text(encoding="utf-8")))
    assert "0 pairs" not in page.partition("</header>")[0]
