"""What flows between the steps of a recipe, and which stand of a model each of them means."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.errors import RecipeError
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.flow import role_of, tasks_of, unread
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.recipes import load_recipe
from rlaif.workflows.recipe.step import Job, RoundState
from rlaif.workflows.recipe.steps.evaluate import _options
from rlaif.workflows.recipe.steps.train import _base
from rlaif.workflows.recipe.task import Task

HEAD = """\
name: flow
models: {policy: first, judge: MODEL}
constitution: micro-default
prompts: {train: micro:train, held_out: micro:held-out, hard: micro:held-out}
rounds: 2
round:
"""
SAMPLE, JUDGE, PAIRS = "{step: sample, n: 2}", "{step: judge}", "{step: pairs}"
TRAIN, EVALUATE = "{step: train, method: sft}", "{step: evaluate, against: [initial, previous]}"


def flow(tmp_path: Path, *steps: str, judge: str = "previous", roles: str = "") -> dict[str, Task]:
    """The tasks by their names; models lie below `run`."""
    text = HEAD.replace("MODEL", f"{judge}{roles}") + "".join(f"  - {each}\n" for each in steps)
    path = tmp_path / "flow.yaml"
    path.write_text(text)
    return {each.name: each for each in tasks_of(load_recipe(path), Path("run"))}


def taken(task: Task) -> list[str]:
    return [each.path or each.name for each in task.takes]


def test_where_nothing_is_named_the_newest_of_the_kind_is_meant(tmp_path: Path) -> None:
    found = flow(tmp_path, SAMPLE, JUDGE, PAIRS, TRAIN, EVALUATE)
    assert list(found) == ["round-0/evaluate"] + [
        f"round-{number}/{step}"
        for number in (1, 2)
        for step in ("sample", "judge", "pairs", "train", "evaluate")
    ]
    assert taken(found["round-2/pairs"]) == ["round-2/judgments.jsonl", "round-2/completions.jsonl"]
    assert found["round-2/train"].makes is not None
    assert found["round-2/train"].makes.path == "models/round-2"


def test_pairs_are_made_of_the_completions_that_were_judged_not_of_newer_ones(tmp_path: Path) -> None:
    found = flow(tmp_path, SAMPLE, JUDGE, "{step: sample, n: 2, as: later}", PAIRS)
    assert taken(found["round-1/pairs"]) == ["round-1/judgments.jsonl", "round-1/completions.jsonl"]
    assert found["round-1/later"].makes is not None
    assert found["round-1/later"].makes.path == "round-1/later.jsonl"


def test_a_step_named_by_its_kind_is_told_to_give_what_it_makes_a_name(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match="makes 'sample', a step without a name: add `as: NAME` to it; known here"
    ):
        flow(tmp_path, SAMPLE, "{step: revise, of: sample}", JUDGE, PAIRS)
    found = flow(tmp_path, "{step: sample, n: 2, as: drawn}", "{step: revise, of: drawn}", JUDGE, PAIRS)
    assert taken(found["round-1/revise"]) == ["round-1/drawn.jsonl"]


def test_judgments_of_some_completions_are_not_paired_with_others(tmp_path: Path) -> None:
    hot, cold = "{step: sample, n: 2, as: hot}", "{step: sample, n: 2, as: cold}"
    judged = "{step: judge, of: hot, as: marks}"
    with pytest.raises(RecipeError, match=r"'cold', and its judgments 'marks' are of 'hot'"):
        flow(tmp_path, hot, cold, judged, "{step: pairs, of: [marks, cold]}")
    with pytest.raises(RecipeError, match=r"'cold', and its judgments 'marks' are of 'hot'"):
        flow(tmp_path, hot, cold, judged, "{step: pairs, of: cold}")
    found = flow(tmp_path, hot, cold, judged, "{step: pairs, of: [hot, marks]}")
    assert taken(found["round-1/pairs"]) == ["round-1/marks.jsonl", "round-1/hot.jsonl"]


def test_several_steps_of_a_name_have_files_of_their_own(tmp_path: Path) -> None:
    found = flow(
        tmp_path,
        "{step: sample, n: 2, as: easy}",
        "{step: sample, n: 4, of: hard, as: wide}",
        "{step: judge, of: easy, as: mild}",
        JUDGE,
        "{step: pairs, of: mild}",
        PAIRS,
        TRAIN,
        "{step: train, method: reward, as: scorer}",
    )
    assert taken(found["round-1/wide"]) == ["hard"]
    assert taken(found["round-1/judge"]) == ["round-1/wide.jsonl"]
    assert taken(found["round-1/pairs"]) == ["round-1/mild.jsonl", "round-1/easy.jsonl"]
    assert taken(found["round-1/pairs-2"]) == ["round-1/judgments.jsonl", "round-1/wide.jsonl"]
    assert taken(found["round-1/train"]) == ["round-1/pairs-2.jsonl"]
    made = found["round-1/scorer"].makes
    assert made is not None
    assert made.path == "models/round-1-scorer"


def test_a_step_of_one_round_alone_is_read_in_later_ones(tmp_path: Path) -> None:
    found = flow(tmp_path, "{step: sample, n: 2, round: first}", JUDGE, "{step: pairs, round: last}")
    assert "round-2/sample" not in found
    assert "round-1/pairs" not in found
    assert taken(found["round-2/judge"]) == ["round-1/completions.jsonl"]


def test_previous_as_a_judge_is_the_newest_policy_and_a_name_stays(tmp_path: Path) -> None:
    found = flow(tmp_path, SAMPLE, JUDGE, PAIRS, TRAIN, EVALUATE)
    assert found["round-1/judge"].models == {"judge": "first"}
    assert found["round-2/judge"].models == {"judge": "run/models/round-1"}
    assert found["round-2/evaluate"].models == {"model": "run/models/round-2", "judge": "run/models/round-2"}
    assert found["round-2/evaluate"].initial["judge"] == "first"
    assert found["round-2/evaluate"].stands["previous"] == "run/models/round-1"
    frozen = flow(tmp_path, SAMPLE, JUDGE, PAIRS, TRAIN, judge="named")
    assert frozen["round-2/judge"].models == {"judge": "named"}


def test_earlier_is_the_policy_that_the_newest_one_was_trained_from(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    flow(tmp_path, SAMPLE, JUDGE, PAIRS, TRAIN, EVALUATE)
    tasks = tasks_of(load_recipe(path, {"rounds": "3"}), Path("run"))
    found = {each.name: each for each in tasks}
    stands = [found[f"round-{number}/sample"].stands["earlier"] for number in (1, 2, 3)]
    first = found["round-1/sample"].stands["initial"]
    assert stands == [first, first, "run/models/round-1"]


def test_a_second_training_of_a_round_starts_from_the_first(tmp_path: Path) -> None:
    found = flow(
        tmp_path, SAMPLE, JUDGE, PAIRS, TRAIN, "{step: sample, n: 2}", "{step: train, method: dpo, as: tuned}"
    )
    assert found["round-1/sample-2"].models == {"model": "run/models/round-1"}
    assert found["round-1/tuned"].models == {"trains": "run/models/round-1"}
    assert found["round-2/sample"].models == {"model": "run/models/round-1-tuned"}


def test_a_training_moves_the_role_that_it_trains_and_no_other(tmp_path: Path) -> None:
    steps = (SAMPLE, JUDGE, PAIRS, "{step: train, method: judge, trains: judge}")
    found = flow(tmp_path, *steps, judge="second")
    assert found["round-1/train"].models == {"trains": "second"}
    assert found["round-2/judge"].models == {"judge": "run/models/round-1"}
    assert found["round-2/sample"].models == {"model": "first"}
    unmoved = flow(tmp_path, SAMPLE, JUDGE, PAIRS, "{step: train, method: judge}", judge="second")
    assert unmoved["round-2/judge"].models == {"judge": "second"}
    assert unmoved["round-2/sample"].models == {"model": "first"}


def test_a_role_that_a_training_makes_is_a_judge_of_the_round_after(tmp_path: Path) -> None:
    scored = "{step: judge, protocol: reward, judge: scorer, round: last}"
    train = "{step: train, method: reward, trains: scorer, round: first}"
    found = flow(tmp_path, SAMPLE, "{step: judge, round: first}", scored, PAIRS, train)
    assert found["round-1/train"].models == {"trains": "first"}
    assert found["round-2/judge-2"].models == {"judge": "reward:run/models/round-1"}


def test_a_model_can_be_named_by_what_made_it(tmp_path: Path) -> None:
    found = flow(
        tmp_path,
        SAMPLE,
        JUDGE,
        PAIRS,
        "{step: train, method: sft, as: imitator}",
        "{step: evaluate, model: initial, judge: imitator, round: last}",
    )
    assert found["round-2/evaluate"].models == {"model": "first", "judge": "run/models/round-2-imitator"}
    assert "round-0/evaluate" not in found


def test_a_further_role_writes_what_the_policy_does_not(tmp_path: Path) -> None:
    found = flow(tmp_path, "{step: sample, n: 2, model: teacher}", JUDGE, roles=", teacher: third")
    assert found["round-1/sample"].models == {"model": "third"}
    with pytest.raises(RecipeError, match="`models` has 'teacher', which no step names"):
        flow(tmp_path, SAMPLE, roles=", teacher: third")


def test_a_result_that_nothing_reads_is_told_with_its_place(tmp_path: Path) -> None:
    found = flow(tmp_path, SAMPLE, JUDGE, "{step: sample, n: 2, as: later}", PAIRS, TRAIN, EVALUATE)
    [said] = unread(found.values())
    assert said == (
        f"{tmp_path / 'flow.yaml'}:9: nothing reads the completions that step 'later' makes; remove it, or name it by "
        "`of` at the step that is to take it"
    )
    assert unread(flow(tmp_path, SAMPLE, JUDGE, PAIRS, TRAIN, EVALUATE).values()) == []


def test_of_a_recipe_that_trains_nothing_the_last_result_is_what_it_is_for(tmp_path: Path) -> None:
    assert unread(flow(tmp_path, SAMPLE, JUDGE, PAIRS).values()) == []
    [said] = unread(flow(tmp_path, SAMPLE, JUDGE, PAIRS, "{step: pairs, pairing: all, as: more}").values())
    assert "'pairs'" in said


def test_what_only_another_round_reads_is_read(tmp_path: Path) -> None:
    first = "{step: sample, n: 2, as: early, round: first}"
    steps = (SAMPLE, JUDGE, PAIRS, TRAIN)
    assert len(unread(flow(tmp_path, first, *steps).values())) == 1
    later = "{step: judge, of: early, as: marks, round: last}"
    read = flow(
        tmp_path, first, later, "{step: pairs, of: marks, round: last}", TRAIN.replace("}", ", round: last}")
    )
    assert unread(read.values()) == []


def test_a_step_that_is_fed_in_later_rounds_only_is_told_which(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"flow.yaml:8: step 'judge' needs completions, which 'sample' makes in "
    ):
        flow(tmp_path, SAMPLE.replace("}", ", round: last}"), JUDGE, PAIRS)


@pytest.mark.parametrize(
    ("steps", "line", "said"),
    [
        ((JUDGE, PAIRS), 7, "step 'judge' needs a step 'sample' before it; add one"),
        ((SAMPLE, PAIRS), 8, "step 'pairs' needs a step 'judge' before it; add one"),
        ((SAMPLE, JUDGE, TRAIN), 9, "step 'train' needs a step 'pairs' before it; add one"),
    ],
)
def test_a_step_that_nothing_feeds_is_refused_with_place_and_remedy(
    tmp_path: Path, steps: tuple[str, ...], line: int, said: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        flow(tmp_path, *steps)
    assert str(caught.value) == f"{tmp_path / 'flow.yaml'}:{line}: {said}"


def test_a_training_begins_anew_with_the_first_model_of_its_role_or_with_one_that_is_named(
    tmp_path: Path,
) -> None:
    train = "{{step: train, method: sft, trains: judge, from: {}}}"
    found = flow(tmp_path, SAMPLE, JUDGE, PAIRS, train.format("initial"), judge="own")
    assert [base(found[f"round-{number}/train"]) for number in (1, 2)] == ["own", "own"]
    found = flow(tmp_path, SAMPLE, JUDGE, PAIRS, train.format("seed"), judge="own, seed: other", roles="")
    assert base(found["round-2/train"]) == "other"
    found = flow(tmp_path, SAMPLE, JUDGE, PAIRS, "{step: train, method: sft, trains: judge}", judge="own")
    assert base(found["round-2/train"]) == "run/models/round-1"


def base(task: Task) -> str:
    job = Job(prepared=None, task=task, models=None, run=Path("run"), state=RoundState(number=2))  # type: ignore[arg-type]
    return _base(job)


@pytest.mark.parametrize(
    ("recipe", "name", "role"),
    [
        ("r1", "cold-start", "policy"),
        ("r1", "imitated", "policy"),
        ("thinking-judge", "rl", "judge"),
        ("r1", "known", "known"),
        ("r1", "hf:models/other", "hf:models/other"),
    ],
)
def test_a_model_that_a_step_made_is_asked_as_the_role_that_it_was_trained_for(
    recipe: str, name: str, role: str
) -> None:
    assert role_of(load_recipe(recipe), name) == role


def test_models_to_compare_with_are_asked_with_the_marks_of_their_role(tmp_path: Path) -> None:
    """Else the thought of a model that a step made would stand in its answer, and be judged."""
    prepared = prepare_recipe(RunConfig(recipe="thinking-policy", out=tmp_path / "run"))
    task = next(each for each in prepared.tasks if each.entry.step == "evaluate" and each.round == 1)
    job = Job(prepared=prepared, task=task, models=None, run=tmp_path, state=RoundState(number=1))  # type: ignore[arg-type]
    found = _options(job, ("initial", "cold-start", "micro:weak"))
    marks = ("Rule:", "Response:")
    assert [found[name].marks for name in ("policy", "initial", "cold-start", "micro:weak")] == [
        marks, marks, marks, None,
    ]  # fmt: skip
