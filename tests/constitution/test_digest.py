"""Digests are a contract: comments, key order and layout do not count, one changed word does."""

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlaif.constitution import load_constitution

HOUSE = """
name: house
version: 1.0.0
principles:
  - id: kind
    text: Be kind.
    weight: 2.0
  - id: brief
    text: Be brief.
    applies_to: [question]
    critique: Say what is too long.
"""


def load(folder: Path, text: str) -> Any:
    path = folder / "house.yaml"
    path.write_text(text, encoding="utf-8")
    return load_constitution(path)


def test_digests_are_pinned(tmp_path: Path) -> None:
    # stored runs and released constitutions name these; a change here breaks every one of them
    found = load(tmp_path, HOUSE)
    assert found.digest == "b2:44982fcdfc67d62fa67e82731f683da3"
    assert [each.text_digest for each in found.principles] == [
        "b2:570173797d8a52e18675fece41074da0",
        "b2:9306f1e33d380e84d3a454010dadae8a",
    ]
    assert [each.rule_digest for each in found.principles] == [
        "b2:ac0bb7a80d46a71f905c49c394f7f480",
        "b2:e0bfec3a832509fbab2e31d272778fe4",
    ]


def test_an_absent_key_and_its_default_have_one_digest(tmp_path: Path) -> None:
    spelled = (
        HOUSE.replace("weight: 2.0", "weight: 2\n    hard: false")
        + "decide: {rule: log-odds, temperature: 1}\n"
    )
    assert load(tmp_path, spelled).digest == load(tmp_path, HOUSE).digest


def test_a_weight_changes_the_rule_and_not_the_text(tmp_path: Path) -> None:
    before = load(tmp_path, HOUSE)
    after = load(tmp_path, HOUSE.replace("2.0", "3.0"))
    assert after.principles[0].text_digest == before.principles[0].text_digest
    assert after.principles[0].rule_digest != before.principles[0].rule_digest
    assert after.digest != before.digest


def test_the_file_name_and_the_tests_are_no_part_of_it(tmp_path: Path) -> None:
    more = HOUSE + "    tests: [{prompt: a, better: b, worse: c}]\n"
    assert load(tmp_path, more).digest == load(tmp_path, HOUSE).digest


# words that YAML could take for something else are among them on purpose
words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=8)
texts = st.lists(words, min_size=1, max_size=5).map(" ".join)
principles = st.lists(
    st.fixed_dictionaries(
        {"id": st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True), "text": texts},
        optional={
            "critique": texts,
            "revise": texts,
            "weight": st.floats(0, 10).map(lambda each: round(each, 3)),
            "hard": st.booleans(),
            "applies_to": st.lists(words, min_size=1, max_size=2),
        },
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda each: each["id"],
)
SLOW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def flow(entries: list[dict[str, Any]]) -> str:
    # JSON is YAML too, on one line and with every text quoted
    return json.dumps({"name": "house", "version": "1.0.0", "principles": entries}, ensure_ascii=False)


def block(entries: list[dict[str, Any]], draw: st.DataObject) -> str:
    blocks = {"name": ["name: house"], "version": ["version: 1.0.0"], "principles": ["principles:"]}
    for entry in entries:
        keys = draw.draw(st.permutations(sorted(entry)))
        lines = [f"    {key}:   {json.dumps(entry[key], ensure_ascii=False)}   # a note" for key in keys]
        blocks["principles"] += ["  -", *lines, "# between"]
    return "\n".join(line for key in draw.draw(st.permutations(sorted(blocks))) for line in blocks[key])


@SLOW
@given(entries=principles, data=st.data())
def test_key_order_layout_and_comments_do_not_count(
    tmp_path: Path, entries: list[dict[str, Any]], data: st.DataObject
) -> None:
    plain = load(tmp_path, flow(entries))
    assert load(tmp_path, block(entries, data)).digest == plain.digest


@SLOW
@given(entries=principles, data=st.data())
def test_one_changed_word_counts(tmp_path: Path, entries: list[dict[str, Any]], data: st.DataObject) -> None:
    before = load(tmp_path, flow(entries))
    changed = data.draw(st.sampled_from(entries))
    key = data.draw(st.sampled_from([each for each in ("text", "critique", "revise") if each in changed]))
    changed[key] = changed[key] + " indeed"
    after = load(tmp_path, flow(entries))
    assert after.digest != before.digest
    assert (
        sum(a.text_digest != b.text_digest for a, b in zip(after.principles, before.principles, strict=True))
        == 1
    )


def test_a_group_is_part_of_the_rule_and_absent_it_changes_nothing(tmp_path: Path) -> None:
    plain, grouped = (
        load(tmp_path, HOUSE),
        load(tmp_path, HOUSE.replace("weight: 2.0", "weight: 2.0\n    group: root")),
    )
    assert [each.rule_digest for each in grouped.principles][1:] == [
        each.rule_digest for each in plain.principles
    ][1:]
    assert grouped.principles[0].rule_digest != plain.principles[0].rule_digest
    assert [each.text_digest for each in grouped.principles] == [
        each.text_digest for each in plain.principles
    ]
