"""Prompts to pairs and back to what made them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from rlaif.errors import EngineError, RunError
from rlaif.exchange.completions import read_completions, write_completions
from rlaif.exchange.pairs import read_pairs
from rlaif.runs.claim import read_run
from rlaif.store import Store
from rlaif.templates import load_template
from rlaif.workflows.configs import JudgeConfig
from rlaif.workflows.generate.run import first_question, generate, judge
from rlaif.workflows.models.defaults import choose_judge
from rlaif.workflows.models.role_options import RoleOptions
from tests.workflows.conftest import CONSTITUTION, GREETS, SILENT, Configured, Write, judge_rows


def test_the_liked_text_is_chosen_and_everything_is_counted(configured: Configured) -> None:
    made = generate(configured())
    assert made.unmet is None
    assert {(pair.chosen[-1].content, pair.rejected[-1].content) for pair in made.pairs} == {(GREETS, SILENT)}
    assert made.funnel == {
        "prompts": 8,
        "completions": 32,
        "duplicates": 16,
        "truncated": 0,
        "judged": 16,
        "candidates": 8,
        "kept": 8,
    }
    assert {pair.critique for pair in made.pairs} == {"It does not greet."}


def test_a_pair_leads_back_to_every_call_that_made_it(configured: Configured, tmp_path: Path) -> None:
    made = generate(configured())
    with Store.open(tmp_path / ".rlaif" / "store.sqlite") as store:
        for pair in made.pairs:
            calls = [store.call(key) for key in pair.provenance["calls"]]
            # two texts alone and the two orders, each under both principles
            assert len(calls) == 8
            assert all(call is not None and call.reply is not None for call in calls)
    assert made.pairs[0].provenance["constitution"]["name"] == "tiny"


def test_a_run_names_the_text_of_every_template_it_was_asked_with(configured: Configured) -> None:
    for critique, names in ((True, ["checklist", "compare", "critique"]), (False, ["checklist", "compare"])):
        made = generate(configured(f"critique-{critique}", critique=critique))
        assert read_run(made.run)["templates"] == {name: load_template(name).digest for name in names}
    # the second time everything is in the store, and asked all the same
    again = generate(configured("critique-True"))
    assert list(read_run(again.run)["templates"]) == ["checklist", "compare", "critique"]


def test_the_same_command_asks_nothing_again_and_writes_the_same_bytes(configured: Configured) -> None:
    first = generate(configured())
    written = (first.run / "pairs.jsonl").read_bytes()
    again = generate(configured())
    assert again.calls["new"] == 0
    assert (first.run / "pairs.jsonl").read_bytes() == written


def test_an_edited_principle_is_the_only_one_asked_again(configured: Configured, tmp_path: Path) -> None:
    generate(configured())
    edited = tmp_path / "edited.yaml"
    edited.write_text(CONSTITUTION.replace("The response is brief.", "The response is short."))
    again = generate(configured("second", constitution=str(edited), critique=False))
    # one principle of two: 16 texts alone, 8 pairs in both orders; no draw is drawn again
    assert again.calls["new"] == 16 + 16


def test_a_changed_weight_asks_nothing(configured: Configured, tmp_path: Path) -> None:
    generate(configured())
    edited = tmp_path / "edited.yaml"
    edited.write_text(CONSTITUTION + "    weight: 3.0\n")
    assert generate(configured("second", constitution=str(edited), critique=False)).calls["new"] == 0


def test_another_configuration_is_refused_naming_the_key(configured: Configured) -> None:
    made = generate(configured())
    before = sorted(path.name for path in made.run.iterdir())
    with pytest.raises(RunError, match="n: 4 there, 2 asked"):
        generate(configured(n=2))
    assert sorted(path.name for path in made.run.iterdir()) == before


def test_a_judge_that_follows_position_makes_no_pair(configured: Configured, script: Write) -> None:
    rows = [
        row if "Which response" not in row["contains"] else row | {"labels": {"A": 0.9}}
        for row in judge_rows()
    ]
    made = generate(configured(judge=script("first", rows)))
    assert made.pairs == []
    assert made.counts.no_pair == {"inconsistent": 8}
    assert made.unmet is not None
    assert "inconsistent 8" in made.unmet
    assert (made.run / "pairs.jsonl").read_text() == ""
    assert read_run(made.run)["status"] == "done"


def test_a_judge_that_says_something_else_is_counted_unreadable(
    configured: Configured, script: Write
) -> None:
    vague = [{"contains": [], "labels": {"yes": 0.1, "no": 0.1, "A": 0.1, "B": 0.1}}]
    made = generate(configured(judge=script("vague", vague), critique=False))
    assert made.counts.no_pair == {"unreadable": 8}
    assert made.counts.unreadable_share == 1.0


def test_a_principle_that_the_judge_cannot_apply_is_named(configured: Configured, script: Write) -> None:
    rows = judge_rows()
    rows.insert(0, {"contains": ["Which response", "is brief"], "labels": {"A": 0.7, "B": 0.3}})
    made = generate(configured(judge=script("partly", rows), n=4, prompts="micro:train", limit=12))
    assert made.pairs
    assert [
        each
        for each in made.warnings
        if "'brief'" in each and "order consistency is only 0% on 12 pairs" in each
    ]
    assert not [each for each in made.warnings if "'greet'" in each]


def test_of_two_sides_that_are_alike_a_judge_may_say_anything(configured: Configured, script: Write) -> None:
    rows = judge_rows()
    rows.insert(0, {"contains": ["Does the response", "is brief"], "labels": {"yes": 0.9, "no": 0.1}})
    rows.insert(0, {"contains": ["Which response", "is brief"], "labels": {"A": 0.7, "B": 0.3}})
    made = generate(configured(judge=script("alike", rows), n=4, prompts="micro:train", limit=12))
    assert made.as_dict()["principles"]["brief"]["told_apart"] == 0
    assert made.warnings == []


def test_a_threshold_of_ones_own_is_kept(configured: Configured, script: Write) -> None:
    one = script(
        "one", [{"contains": ["7 plus"], "texts": [GREETS, SILENT]}, {"contains": [], "texts": [SILENT]}]
    )
    made = generate(configured(policy=(one,), min_pair_share=0.2))
    assert made.pair_share == 1 / 8
    assert made.unmet is not None
    assert "duplicate 7" in made.unmet


@pytest.mark.parametrize(
    ("sees", "counts"),
    [
        ("answer", {"duplicates": 8, "judged": 16, "candidates": 8}),
        ("all", {"duplicates": 0, "judged": 24, "candidates": 24}),
    ],
)
def test_one_answer_behind_two_thoughts_is_two_only_to_a_judge_that_sees_them(
    configured: Configured, script: Write, sees: Literal["answer", "all"], counts: dict[str, int]
) -> None:
    texts = [{"thought": "I greet.", "text": GREETS}, {"thought": "Be kind.", "text": GREETS}, SILENT]
    policy = script("thinker", [{"texts": texts}])
    made = generate(configured(policy=(policy,), n=3, judge_options=RoleOptions(sees=sees), pairing="all"))
    assert made.funnel["completions"] == 24
    assert {name: made.funnel[name] for name in counts} == counts
    for pair in made.pairs:
        assert (pair.chosen[0].thought, pair.chosen[0].content) == ("I greet.", GREETS)


def test_several_policies_share_the_draws_in_turn(configured: Configured, script: Write) -> None:
    polite, curt = script("polite", [{"texts": [GREETS]}]), script("curt", [{"texts": [SILENT]}])
    made = generate(configured(policy=(polite, curt), n=2))
    assert made.counts.completions == 16
    assert len(made.pairs) == 8
    assert all(len(pair.provenance["policy"]) == 2 for pair in made.pairs)


def test_a_policy_that_fails_stops_the_run_and_the_same_command_goes_on(
    configured: Configured, script: Write, tmp_path: Path
) -> None:
    config = configured(policy=(script("broken", [{"contains": ["7 plus"], "texts": [GREETS]}]),))
    with pytest.raises(EngineError, match="run again"):
        generate(config)
    assert not (tmp_path / "run" / "run.json").exists()


def test_judge_asks_another_judge_about_the_same_texts(
    configured: Configured, script: Write, tmp_path: Path
) -> None:
    made = generate(configured())
    other = script("other", judge_rows(likes="It is"))
    config = choose_judge(JudgeConfig(source=made.run, judge=other, out=tmp_path / "other"))
    turned = judge(config)
    assert {(pair.chosen[-1].content, pair.rejected[-1].content) for pair in turned.pairs} == {
        (SILENT, GREETS)
    }
    assert {pair.id for pair in turned.pairs} == {pair.id for pair in made.pairs}
    texts = [(each / "completions.jsonl").read_bytes() for each in (made.run, turned.run)]
    assert texts[0] == texts[1]


def test_the_same_judge_again_asks_nothing(configured: Configured, tmp_path: Path) -> None:
    config = configured()
    made = generate(config)
    again = judge(choose_judge(JudgeConfig(source=made.run, judge=config.judge, out=tmp_path / "again")))
    assert again.calls["new"] == 0
    assert (again.run / "pairs.jsonl").read_bytes() == (made.run / "pairs.jsonl").read_bytes()


def test_completions_brought_along_are_judged(configured: Configured, tmp_path: Path) -> None:
    rows = [{"prompt": f"ask {n}", "completions": [GREETS, SILENT]} for n in range(3)]
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = configured()
    job = JudgeConfig(
        source=file, judge=config.judge, constitution=config.constitution, out=tmp_path / "brought"
    )
    made = judge(choose_judge(job))
    assert len(made.pairs) == 3
    assert [each.id for each in read_pairs(made.run / "pairs.jsonl")] == [each.id for each in made.pairs]


def test_the_first_question_is_the_text_that_the_judge_gets(configured: Configured, tmp_path: Path) -> None:
    config = configured()
    shown = first_question(config)
    generate(config)
    with Store.open(tmp_path / ".rlaif" / "store.sqlite") as store:
        keys = read_pairs(tmp_path / "run" / "pairs.jsonl")[0].provenance["calls"]
        sent = [call.request.messages[-1].content for call in map(store.call, keys) if call is not None]
    # each of the two kinds of question under the first principle, and the first of the two texts
    assert len([text for text in sent if text in shown]) == 2


def test_gold_judges_where_prompts_name_it(configured: Configured) -> None:
    made = generate(configured(judge="gold:", critique=True))
    assert {pair.chosen[-1].content for pair in made.pairs} == {GREETS}
    assert made.pairs[0].critique is None


@pytest.mark.parametrize(("cut", "rejected"), [(SILENT, 4), (GREETS, 0)])
def test_answers_that_were_cut_off_are_judged_and_lose_where_that_is_asked_for(
    configured: Configured, tmp_path: Path, cut: str, rejected: int
) -> None:
    made = generate(configured())
    drawn = [
        (prompt, replace(each, finish="length" if each.text == cut and place < 16 else "stop"))
        for place, (prompt, each) in enumerate(read_completions(made.run / "completions.jsonl"))
    ]
    write_completions(tmp_path / "drawn.jsonl", drawn)
    said = {}
    for truncated in ("drop", "reject"):
        chosen = JudgeConfig(
            source=tmp_path / "drawn.jsonl",
            out=tmp_path / truncated,
            judge=configured().judge,
            constitution=configured().constitution,
            truncated=truncated,
        )
        said[truncated] = judge(choose_judge(chosen))
    assert (len(said["drop"].pairs), said["drop"].counts.no_pair) == (4, {"truncated": 4})
    [sentence] = said["drop"].cut
    assert sentence.startswith(
        "8 of 32 completions were cut off (truncated), and 4 of 8 prompts give no pair"
    )
    assert [each.truncated for each in read_pairs(said["reject"].run / "pairs.jsonl")].count(
        "rejected"
    ) == rejected
    assert len(said["reject"].pairs) == 4 + rejected
    assert said["reject"].counts.no_pair == ({} if rejected else {"truncated": 4})
    assert read_run(said["reject"].run)["config"]["truncated"] == "reject"
    assert "truncated" not in read_run(said["drop"].run)["config"]
    told = [each for each in said["reject"].warnings if "reject an answer that was cut off" in each]
    assert [each.partition(" reject")[0] for each in told] == (["4 of 8 pairs"] if rejected else [])
