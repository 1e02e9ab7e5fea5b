"""Recipes: what loads, what is refused with which words, and what an override changes."""

import json
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from rlaif.checks import SCHEMAS
from rlaif.errors import RecipeError
from rlaif.shipped import shipped
from rlaif.workflows.recipe.recipe import Recipe
from rlaif.workflows.recipe.recipes import TrainStep, load_recipe, recipe_lines, recipe_titles
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.schema import recipe_schema
from rlaif.workflows.recipe.steps.evaluate import EvaluateSettings
from rlaif.workflows.recipe.steps.sample import SampleSettings
from rlaif.workflows.training.methods.dpo import DPOOptions

TEXT = """
name: self-rewarding
models: {policy: micro, judge: previous}
constitution: micro-default
prompts: {train: micro:train, held_out: micro:held-out}
rounds: 3
round:
  - {step: sample, n: 6, temperature: 1.0, prompts: 300}
  - {step: judge, protocol: checklist}
  - {step: pairs, pairing: best-worst, then: compare, inconsistent: drop}
  - {step: train, method: dpo, loss: soft, beta: 0.2, reference: previous, replay: {judge: 0.2}}
  - {step: evaluate, on: held_out, gold: true, against: [initial, previous]}
stop: {gold: never-used, unreadable_share: 0.05, judge_drift: warn}
"""


def write(folder: Path, text: str = TEXT) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, text: str = TEXT, **overrides: str) -> Recipe:
    return load_recipe(
        write(folder, text), {name.replace("__", "."): value for name, value in overrides.items()}
    )


def test_the_recipe_of_the_design_is_read_whole(tmp_path: Path) -> None:
    recipe = loaded(tmp_path)
    assert (recipe.models.policy, recipe.models.judge, recipe.rounds) == ("micro", "previous", 3)
    assert [step.step for step in recipe.round] == ["sample", "judge", "pairs", "train", "evaluate"]
    sample, _, _, train, evaluate = (each.settings for each in recipe.round)
    assert isinstance(sample, SampleSettings)
    assert (sample.n, sample.prompts) == (6, 300)
    assert isinstance(train, TrainStep)
    assert isinstance(train.options, DPOOptions)
    assert (train.options.beta, train.options.reference) == (0.2, "previous")
    assert dict(train.options.replay) == {"judge": 0.2}
    assert isinstance(evaluate, EvaluateSettings)
    assert evaluate.against == ("initial", "previous")
    assert (recipe.stop.unreadable_share, recipe.stop.judge_drift) == (0.05, "warn")


WRONG = [
    ("", 1, "empty"),
    (
        TEXT + "colour: red\n",
        14,
        "unknown key 'colour'; known keys: constitution, models, name, prompts, quick, round",
    ),
    (
        TEXT.replace("beta: 0.2", "betta: 0.2"),
        11,
        "'betta' (did you mean 'beta'?); known keys: alarm, as, batch_size, beta",
    ),
    (
        TEXT.replace("protocol:", "protocoll:"),
        9,
        "'protocoll' (did you mean 'protocol'?); known keys: as, ask_again, judge, of, protocol, round, samples, step",
    ),
    (TEXT.replace("step: judge", "step: judged"), 9, "round[1].step must be one of audit, "),
    (TEXT.replace("{step: judge, ", "{"), 9, "lacks 'step'"),
    (TEXT.replace("rounds: 3", "rounds: 0"), 6, "whole number from 1"),
    (TEXT.replace("rounds: 3", "rounds: many"), 6, 'a whole number, not "many"'),
    (TEXT.replace("rounds: 3", "rounds: 2.5"), 6, "a whole number"),
    (TEXT.replace("n: 6", "n: true"), 8, "must be a whole number, not true"),
    (TEXT.replace("{judge: 0.2}}", "{judge: 1.0}}"), 11, "below 1"),
    (
        TEXT.replace("method: dpo", "method: dop"),
        11,
        "one of distill, dpo, grpo, judge, online-dpo, ppo, process-reward, raft, rest, rest-em, reward, rloo, sft, "
        "thumbs",
    ),
    (
        TEXT.replace("method: dpo, loss: soft", "method: sft"),
        11,
        "beta is not used by method sft, but by dpo, grpo, judge",
    ),
    (TEXT.replace("gold: never-used", "gold: sometimes"), 13, "never-used"),
    (TEXT.replace("judge: previous", "juge: previous"), 3, "did you mean 'judge'"),
    (TEXT.replace("on: held_out", "on: heldout"), 12, "`prompts` has: train, held_out"),
    (
        TEXT.replace("  - {step: sample, n: 6, temperature: 1.0, prompts: 300}\n", ""),
        8,
        "needs a step 'sample'",
    ),
    (TEXT.replace("train: micro:train, ", ""), 5, "lacks 'train'"),
    (TEXT.replace("constitution: micro-default\n", ""), 2, "lacks 'constitution'"),
    (TEXT.replace("name:", "\tname:"), 2, "tab"),
]


@pytest.mark.parametrize(("text", "line", "said"), WRONG)
def test_each_mistake_gets_one_message_with_file_and_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert said in str(caught.value)


def test_overrides_reach_any_depth_by_number_and_by_step_name(tmp_path: Path) -> None:
    path = write(tmp_path)
    overrides = {
        "models.judge": "random:0",
        "round.3.loss": "hard",
        "round.train.replay.judge": "0",
        "round.evaluate.against": "[initial]",
        "rounds": "2",
        "stop.judge_drift": "stop",
        "constitution": "2024-01-01",
    }
    recipe = load_recipe(path, overrides)
    train, evaluate = (each.settings for each in recipe.round[3:])
    assert isinstance(train, TrainStep)
    assert isinstance(evaluate, EvaluateSettings)
    assert (recipe.models.judge, recipe.rounds, recipe.stop.judge_drift) == ("random:0", 2, "stop")
    assert isinstance(train.options, DPOOptions)
    assert (train.options.loss, dict(train.options.replay), evaluate.against) == ("hard", {}, ("initial",))
    assert recipe.constitution == "2024-01-01"
    assert load_recipe(path).rounds == 3


def test_an_override_makes_a_mapping_that_the_file_left_out(tmp_path: Path) -> None:
    text = TEXT[: TEXT.index("stop:")]
    assert loaded(tmp_path, text, stop__unreadable_share="0.5").stop.unreadable_share == 0.5


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("round.3.losss", "hard", "unknown key 'losss' (did you mean 'loss'?)"),
        ("round.9.loss", "hard", "'9' is none of 0 (sample), 1 (judge), 2 (pairs), 3 (train), 4 (evaluate)"),
        ("round.rain.loss", "hard", "'rain' is none of"),
        ("constitution.name", "x", "constitution is one value"),
        ("rond.3.loss", "hard", "unknown key 'rond' (did you mean 'round'?)"),
        ("rounds", "", 'must be a whole number, not ""'),
        ("rounds", "-1", "whole number from 1"),
        ("round", "[]", "at least one"),
        ("round.evaluate.on", "nowhere", "`prompts` has"),
        ("", "x", "unknown key ''"),
    ],
)
def test_a_wrong_override_is_named_as_the_user_wrote_it(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(tmp_path), {name: value})
    assert str(caught.value).startswith(f"--set {name}")
    assert said in str(caught.value)


def test_a_step_keeps_its_line_under_overrides_and_names_those_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path)
    plain = [each.where for each in load_recipe(path).round]
    assert plain[0].startswith(f"{path}:")
    recipe = load_recipe(path, {"round.train.loss": "hard", "rounds": "2"})
    assert [each.where for each in recipe.round] == [
        f"{each} with --set round.train.loss=hard" if place == 3 else each for place, each in enumerate(plain)
    ]
    whole = "round=[{step: sample, prompts: 2}]"
    assert [each.where for each in load_recipe(path, dict([whole.split("=")])).round] == [f"--set {whole}"]


def test_a_step_named_twice_must_be_named_by_number(tmp_path: Path) -> None:
    text = TEXT.replace("  - {step: judge, protocol: checklist}\n", "  - {step: judge}\n  - {step: judge}\n")
    with pytest.raises(RecipeError, match=r"'judge' is none of 0 \(sample\), 1 \(judge\), 2 \(judge\)"):
        loaded(tmp_path, text, round__judge__protocol="score")
    assert loaded(tmp_path, text, round__2__protocol="score").round[2] != loaded(tmp_path, text).round[2]


def test_numbers_written_in_two_ways_are_one_recipe(tmp_path: Path) -> None:
    other = TEXT.replace("temperature: 1.0", "temperature: 1").replace("# a", "")
    assert loaded(tmp_path, other).digest == loaded(tmp_path).digest


def test_title_and_place_are_no_part_of_the_digest_and_a_value_is(tmp_path: Path) -> None:
    titled = loaded(tmp_path, TEXT + "title: Something\n# and a comment\n")
    assert titled.digest == loaded(tmp_path).digest
    assert loaded(tmp_path, seed="1").digest != loaded(tmp_path).digest


def test_options_of_the_loop_are_the_steps_own_and_none_leave_the_digest_as_it_was(tmp_path: Path) -> None:
    plain, given = loaded(tmp_path), loaded(tmp_path, round__train__loop="{precision: bf16, packed: false}")
    step = given.round[3].settings
    assert isinstance(step, TrainStep)
    assert step.options.loop == {"precision": "bf16", "packed": False}
    assert given.digest != plain.digest
    assert "loop" not in plain.config()["round"][3]
    assert given.config()["round"][3]["loop"] == step.options.loop


def test_a_recipes_adapter_is_the_usual_one_or_of_a_rank(tmp_path: Path) -> None:
    for text, value in (("true", True), ("8", 8)):
        step = loaded(tmp_path, round__train__lora=text).round[3].settings
        assert isinstance(step, TrainStep)
        assert step.options.lora is value
    with pytest.raises(
        RecipeError, match="lora is 0; it must be true: train a low-rank adapter; or its rank"
    ):
        loaded(tmp_path, round__train__lora="0")


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("loss_type", "write loss"),
        ("rpo_alpha", "write nll"),
        ("max_prompt_length", "prompts are never cut"),
        ("num_train_epochs", "write epochs"),
        ("gradient_accumulation_steps", "write batch_size"),
    ],
)
def test_a_name_of_trls_is_answered_with_ours(tmp_path: Path, name: str, ours: str) -> None:
    text = TEXT.replace("loss: soft,", f"loss: soft, {name}: 1,")
    with pytest.raises(RecipeError, match=rf"recipe.yaml:\d+: '{name}' is a name of TRL's: .*{ours}"):
        loaded(tmp_path, text)
    with pytest.raises(RecipeError, match=f"{name}.* is a name of TRL's: .*{ours}"):
        loaded(tmp_path, **{f"round__train__{name}": "1"})


def test_a_missing_recipe_says_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipelines").mkdir()
    write(tmp_path / "pipelines").rename(tmp_path / "pipelines" / "mine.yaml")
    assert load_recipe("mine").name == "self-rewarding"
    with pytest.raises(RecipeError, match=r"'mien' \(did you mean mine\?\)") as caught:
        load_recipe("mien")
    assert "\n  smoke " in str(caught.value)
    assert recipe_titles()["smoke"] in str(caught.value)
    with pytest.raises(RecipeError, match="no such file"):
        load_recipe("pipelines/absent.yaml")
    for name in ("x" * 5000, "x" * 5000 + ".yaml", "a\0b"):
        with pytest.raises(RecipeError, match=r"no such file|no recipe named"):
            load_recipe(name)


def test_a_recipe_that_cannot_be_read_stands_in_the_list_without_a_title(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipelines").mkdir()
    for name, text in {
        "broken": "name: [",
        "listed": "- a\n",
        "numbered": "title: 3\n",
        "mine": "title: a b\n",
    }.items():
        (tmp_path / "pipelines" / f"{name}.yaml").write_text(text)
    titles = recipe_titles()
    assert [titles[name] for name in ("broken", "listed", "numbered", "mine")] == ["", "", "", "a b"]
    assert "  broken" in recipe_lines()
    assert any(line.startswith("  mine ") and line.endswith(" a b") for line in recipe_lines())


def test_the_stored_schema_is_the_one_that_steps_make() -> None:
    """`make schemas` writes it; editors complete recipes by it."""
    stored = json.loads((SCHEMAS / "recipe.schema.json").read_text(encoding="utf-8"))
    assert stored == recipe_schema(from_outside=False)


@pytest.mark.parametrize("name", [name for name in STEPS.names() if name != "train"])
def test_every_setting_of_a_step_has_a_default_or_is_asked_for(name: str) -> None:
    own = fields(STEPS.get(name).settings)
    without = {each.name for each in own if each.default is MISSING and each.default_factory is MISSING}
    assert set(STEPS.get(name).entry_schema({"step": {}}, from_outside=False).get("required", ())) == without


NAMED = TEXT.replace("{step: sample,", "{step: sample, as: wide,").replace(
    "{step: judge,", "{step: judge, of: wide, as: looks,"
)


def test_names_of_artefacts_are_part_of_the_digest_where_there_are_some(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, NAMED)
    assert [each.key for each in recipe.round] == ["wide", "looks", "pairs", "train", "evaluate"]
    assert recipe.digest != loaded(tmp_path).digest
    assert recipe.config()["round"][1]["of"] == "wide"


def test_steps_can_be_overridden_by_the_name_of_what_they_make(tmp_path: Path) -> None:
    assert loaded(tmp_path, NAMED, round__wide__n="8").round[0].settings.n == 8


def test_a_train_step_says_what_it_takes_as_every_other_step_does(tmp_path: Path) -> None:
    said = NAMED.replace("then: compare", "then: compare, as: mine").replace("beta: 0.2", "of: mine")
    assert loaded(tmp_path, said) == loaded(tmp_path, said.replace("of: mine", "on: mine"))
    assert loaded(tmp_path, said).digest == loaded(tmp_path, said.replace("of: mine", "on: mine")).digest


SLIPS = [
    (NAMED.replace("of: wide", "of: wider"), 9, "makes 'wider' (did you mean 'wide'?); known here: wide"),
    (
        NAMED.replace("then: compare", "of: wide, judge: juge"),
        10,
        "names the model 'juge', which there is not",
    ),
    (NAMED.replace("beta: 0.2", "on: wide"), 11, "takes pairs, and 'wide' is of kind completions"),
    (NAMED.replace("beta: 0.2", "on: looks, of: looks"), 11, "`of` and `on` say the same; give `of`"),
    (
        NAMED.replace("{step: judge, of: wide", "{step: sample, as: hot}\n  - {step: judge, of: [wide, hot]"),
        10,
        "'looks' takes one artefact of kind completions: 'wide' is that one, and 'hot' more; name one of them, and "
        "add a step 'judge' for each other",
    ),
    (NAMED.replace("as: looks", "as: wide"), 9, "'wide' is the name of a step before it"),
    (NAMED.replace("as: looks", "as: pairs"), 9, "'pairs' is a word of recipes"),
    (NAMED.replace("as: looks", "as: held_out"), 9, "'held_out' is a name of `models` or `prompts`"),
    (NAMED.replace("as: looks", "as: Looks"), 9, "a name for the judgments"),
    (TEXT.replace("{step: judge,", "{step: judge, round: [4],"), 9, "round 4 is not one of 1 to 3"),
    (TEXT.replace("{step: judge,", "{step: judge, round: [0],"), 9, "round 0 is not one of 1 to 3"),
    (TEXT.replace("{step: judge,", "{step: judge, round: second,"), 9, "first, last, or a list of rounds"),
    (
        TEXT.replace("{step: sample,", "{step: sample, round: last,"),
        9,
        "which 'sample' makes in round 3 only",
    ),
    (TEXT.replace("{step: sample,", "{step: sample, of: tran,"), 8, "no prompt set 'tran' for step 'sample'"),
    (
        TEXT.replace("judge: previous}", "judge: previous, critic: micro}"),
        0,
        "`models` has 'critic', which no step",
    ),
]


@pytest.mark.parametrize(("text", "line", "said"), SLIPS)
def test_a_name_that_fits_nothing_is_refused_where_it_stands(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path := write(tmp_path, text))
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["comparisons", "evaluation", "funnel", "held-back", "judgments"])
def test_a_step_may_not_be_called_like_a_file_of_a_round(tmp_path: Path, name: str) -> None:
    """Its file would be written over by that of another step."""
    with pytest.raises(RecipeError, match=f"as: '{name}' is a word of recipes"):
        load_recipe(write(tmp_path, TEXT.replace("{step: sample,", f"{{step: sample, as: {name},")))


def test_a_quick_form_is_set_before_what_is_said_beside_it(tmp_path: Path) -> None:
    plain, quick = load_recipe("self-rewarding"), load_recipe("self-rewarding", quick=True)
    assert (plain.rounds, quick.rounds) == (3, 1)
    assert load_recipe("self-rewarding", {"rounds": "2"}, quick=True).rounds == 2


def test_a_quick_form_is_no_part_of_what_a_recipe_is(tmp_path: Path) -> None:
    held = (shipped("pipelines") / "self-rewarding.yaml").read_text()
    path = tmp_path / "own.yaml"
    path.write_text("".join(each for each in held.splitlines(True) if not each.startswith("quick:")))
    assert load_recipe(path).digest == load_recipe("self-rewarding").digest
    with pytest.raises(RecipeError, match="has no quick form"):
        load_recipe(path, quick=True)


def test_overrides_may_mend_each_other(tmp_path: Path) -> None:
    """A role alone is one that no step names, and a step alone names one that there is not."""
    both = {"models.other": "micro:weak", "round.judge.judge": "other"}
    for each in (both, dict(reversed(both.items()))):
        assert load_recipe("smoke", each).models.others == {"other": "micro:weak"}
    with pytest.raises(RecipeError, match="which no step names"):
        load_recipe("smoke", {"models.other": "micro:weak", "rounds": "2"})
    with pytest.raises(RecipeError, match="--set rounds=0"):
        load_recipe("smoke", {"rounds": "0", "seed": "3"})
