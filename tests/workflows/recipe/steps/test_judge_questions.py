"""The step `judge-questions`: both orders of each comparison, word for word as the judge is asked, with the verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.errors import InputError, RecipeError
from rlaif.exchange.prompts import read_prompts
from rlaif.records import Prompt
from rlaif.templates import load_template
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.run import run
from tests.workflows.conftest import GREETS, SILENT, asked

from .conftest import Prepare

FENCE = "```\n"


def made(done: Finished) -> list[Prompt]:
    return read_prompts(done.run / "round-1" / "judge-questions.jsonl")


def first_shown(question: Prompt) -> str:
    return question.text.split(f"Response A:\n{FENCE}")[1].split("\n")[0]


def write(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps({"prompt": asked(n), **row}) + "\n" for n, row in enumerate(rows)))
    return path


def of_rows(prepare: Prepare, path: Path, more: str = "") -> PreparedRecipe:
    return prepare(f"step: judge-questions, of: known{more}", sets=f"known: {path}")


GOOD = {"better": GREETS, "worse": SILENT, "principle": "greet"}


def test_rows_with_a_better_and_a_worse_answer_are_asked_about_in_both_orders(
    tmp_path: Path, prepare: Prepare
) -> None:
    path = write(tmp_path / "known.jsonl", GOOD, {"better": SILENT, "worse": GREETS, "principle": "brief"})
    done = run(of_rows(prepare, path))
    found = made(done)
    assert len(found) == 4
    words = load_template("compare-cot", None).words.split("\n")[0][:40]
    for each in found:
        better = GREETS if each.meta["principle"] == "greet" else SILENT
        assert words in each.text
        assert each.meta["verdict"] == ("A" if first_shown(each) == better else "B")
    together = [each.meta["together"] for each in found]
    assert together[0] == together[1] != together[2] == together[3]
    assert {each.meta["verdict"] for each in found[:2]} == {"A", "B"}
    assert done.rounds[-1]["judge_questions"] == {"questions": 4}


def test_a_row_without_a_principle_is_asked_about_those_that_are_named(
    tmp_path: Path, prepare: Prepare
) -> None:
    path = write(tmp_path / "known.jsonl", {"better": GREETS, "worse": SILENT})
    assert len(made(run(of_rows(prepare, path, ", principles: [greet]")))) == 2


def test_a_row_may_bring_a_principle_of_its_own_as_a_sentence(tmp_path: Path, prepare: Prepare) -> None:
    own = {**GOOD, "principle": "The response is as long as it can be."}
    found = made(run(of_rows(prepare, write(tmp_path / "known.jsonl", own))))
    assert all("Rule: The response is as long as it can be." in each.text for each in found)
    assert [each.meta["verdict"] for each in found] == ["A", "B"]


def test_rows_that_say_nothing_are_counted(tmp_path: Path, prepare: Prepare) -> None:
    rows = [GOOD, {"better": GREETS}, {**GOOD, "principle": "rhyme"}]
    done = run(of_rows(prepare, write(tmp_path / "known.jsonl", *rows)))
    assert done.rounds[-1]["judge_questions"] == {
        "questions": 2, "rows without two answers": 1, "rows of no principle that is asked": 1,
    }  # fmt: skip


def test_other_columns_are_other_questions(tmp_path: Path, prepare: Prepare) -> None:
    path = tmp_path / "known.jsonl"
    verdicts = []
    for row in (GOOD, {**GOOD, "better": SILENT, "worse": GREETS}):
        write(path, row)
        verdicts.append(
            [(first_shown(each), each.meta["verdict"]) for each in made(run(of_rows(prepare, path)))]
        )
    assert set(verdicts[0]) == {(GREETS, "A"), (SILENT, "B")}
    assert set(verdicts[1]) == {(GREETS, "B"), (SILENT, "A")}


def test_pairs_of_the_recipe_are_asked_about_where_their_labels_are_sure(prepare: Prepare) -> None:
    steps = ["step: sample, n: 2, prompts: 4", "step: judge", "step: pairs, then: none, critique: false"]
    done = run(prepare(*steps, "step: judge-questions, principles: [greet]"))
    found = made(done)
    assert len(found) == 8
    assert all(each.meta["verdict"] == ("A" if first_shown(each) == GREETS else "B") for each in found)
    with pytest.raises(InputError, match="labels that are not sure 4"):
        run(prepare(*steps, "step: judge-questions, principles: [greet], sure: 0.999", out="other"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (", protocol: compare", "writes no reasoning that ends in A or B"),
        (", principles: [rhyme]", "has no principle 'rhyme'; it has: brief, greet"),
        (", better: good", "no row of 'known' has two answers in columns 'good' and 'worse'"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_line(
    tmp_path: Path, prepare: Prepare, more: str, said: str
) -> None:
    path = write(tmp_path / "known.jsonl", GOOD)
    with pytest.raises(RecipeError, match=rf"steps.yaml:7: .*{said}"):
        of_rows(prepare, path, more)
