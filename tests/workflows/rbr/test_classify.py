"""Rule-based rewards by command: rules, classes, weights against a biased reward model, scores; and bad input."""

from __future__ import annotations

import ast
import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif import workflows
from rlaif.cli.main import main
from rlaif.cli.rbr import rbr
from rlaif.constitution import load_constitution
from rlaif.exchange.completions import read_completions
from rlaif.exchange.pairs import read_pairs
from rlaif.judging import GoldJudge
from rlaif.judging.rbr import (
    CLASS,
    FitConfig,
    Fitted,
    ask,
    classes_of,
    features,
    fit,
    questions_of,
    read_weights,
    write_weights,
)
from rlaif.records import Featured, Prompt
from rlaif.training import RewardConfig, train_reward
from rlaif.workflows.models.gold import RowGold
from rlaif.workflows.rbr.config import ClassifyConfig, RbrFitConfig, ScoreConfig
from tests.workflows.tiny import make_tiny

GOLD_RULES = """\
name: small-rules
version: 1.0.0
propositions:
  - {id: apology, text: The response says sorry.}
  - {id: judgement, text: The response judges the user.}
behaviors:
  order: [good, poor, bad]
  classes:
    good: {hard_refuse: {apology: true, judgement: false}}
    poor: {hard_refuse: {apology: false, judgement: false}}
    bad: {hard_refuse: {judgement: true}}
"""


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `rlaif rbr example` writes."""
    folder = tmp_path_factory.mktemp("rbr") / "try"
    assert main(["rbr", "example", "--out", str(folder), "--prompts", "15"]) == 0
    return folder


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, Any]:
    """Exit code, and the JSON or the message."""
    capsys.readouterr()
    code = main([*map(str, words)])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out.startswith("{") else said.out + said.err


def gold_row(apology: bool | None, judgement: bool | None, **fields: Any) -> str:
    row = {
        "response_type": "Hard Refuse",
        "prompt": [{"role": "user", "content": "x"}],
        "completion": [{"role": "assistant", "content": f"{apology} {judgement}"}],
        "propositions": {"apology": apology, "judgement": judgement},
    }
    return json.dumps({**row, **fields}) + "\n"


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, Path]:
    """Rules, and rows that say themselves what is true."""
    rules, rows = tmp_path / "rules.yaml", tmp_path / "rows.jsonl"
    rules.write_text(GOLD_RULES)
    rows.write_text(
        gold_row(True, False) + gold_row(False, False) + gold_row(True, True) + gold_row(None, True)
    )
    return rules, rows


def test_rows_with_propositions_are_classified_without_a_judge(
    small: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules, rows = small
    out = tmp_path / "classes.jsonl"
    code, found = call(capsys, "rbr", "classify", rows, "--rules", rules, "--out", out, "--json")
    assert code == 0
    assert found == {
        "rows": 4,
        "kinds": {"hard_refuse": {"good": 1, "poor": 1, "bad": 2}},
        "unplaced": {},
        "labelled": {"answers": 0, "same": 0},
    }
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert [each["class"] for each in written] == ["good", "poor", "bad", "bad"]
    assert written[3]["propositions"] == {"apology": None, "judgement": True}


def test_answers_in_no_one_class_end_with_exit_3_unless_so_many_are_allowed(
    small: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    rules, rows = small
    rows.write_text(gold_row(None, False) + gold_row(True, False))
    code, said = call(capsys, "rbr", "classify", rows, "--rules", rules)
    assert code == 3
    assert "50.0% of 2 answers are not in exactly one class (unknown: 1)" in said
    assert call(capsys, "rbr", "classify", rows, "--rules", rules, "--max-unplaced", "0.5")[0] == 0


def test_rules_with_a_gap_are_told_by_check(
    small: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    rules, _ = small
    assert call(capsys, "rbr", "check", rules, "--json") == (
        0,
        {
            "kinds": {
                "hard_refuse": {"order": ["good", "poor", "bad"], "propositions": ["apology", "judgement"]}
            },
            "slips": [],
        },
    )
    rules.write_text(GOLD_RULES.replace("judgement: true", "judgement: true, apology: false"))
    code, said = call(capsys, "rbr", "check", rules)
    assert code == 3
    assert "an answer with apology: true, judgement: true is in no class" in said


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            gold_row(True, True, response_type="Comply"),
            "names the kind 'comply', which the rules do not have",
        ),
        (gold_row(True, True, propositions={"apology": True}), "lacks 'judgement'"),
    ],
)
def test_rows_that_the_rules_do_not_know_are_reported_with_their_line(
    row: str, message: str, small: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    rules, rows = small
    rows.write_text(gold_row(True, False) + row)
    code, said = call(capsys, "rbr", "classify", rows, "--rules", rules)
    assert code == 2
    assert "rows.jsonl:2" in said
    assert message in said


def test_each_written_answer_is_in_the_class_it_was_written_for(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "classes.jsonl"
    words = ["--rules", material / "rules.yaml", "--judge", "gold:", "--out", out, "--json"]
    code, found = call(capsys, "rbr", "classify", material / "answers.jsonl", *words)
    assert code == 0
    each = {"ideal": 30, "acceptable": 30, "rude": 30, "wrong": 30}
    assert found["kinds"] == {"harmful": each, "howto": each}
    assert found["labelled"] == {"answers": 240, "same": 240}
    asked = [prompt.meta["class"] for prompt, _ in read_completions(material / "answers.jsonl")]
    assert [json.loads(line)["class"] for line in out.read_text().splitlines()] == asked


def test_the_biased_pairs_choose_the_longer_text_of_other_prompts(material: Path) -> None:
    pairs = read_pairs(material / "biased-pairs.jsonl")
    assert len(pairs) > 150
    assert all(len(pair.chosen[0].content) > len(pair.rejected[0].content) for pair in pairs)
    asked = {prompt.text for prompt, _ in read_completions(material / "answers.jsonl")}
    assert not asked & {pair.prompt[-1].content for pair in pairs}


def test_rules_fitted_to_the_answers_of_one_prompt_order_its_held_out_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "try"
    assert call(capsys, "rbr", "example", "--out", folder, "--prompts", "1", "--each", "30")[0] == 0
    for kind, rows in _examples(folder).items():
        assert len({row.prompt_id for row in rows}) == 1
        order = [[name] for name in ("ideal", "acceptable", "rude", "wrong")]
        biased, mended = _held_out(fit(rows, order, FitConfig()))
        assert biased < 0.6, kind
        assert mended >= 0.95, kind


def _examples(material: Path) -> dict[str, list[Featured]]:
    """By kind: each answer with what gold says of it, and a reward that counts letters."""
    rules = load_constitution(material / "rules.yaml")
    found = {}
    for kind, classes in classes_of(rules).items():
        items = [item for item in read_completions(material / "answers.jsonl") if kind in item[0].tags]
        heard = ask(GoldJudge(RowGold()), items, classes, questions_of(rules))
        found[kind] = [
            Featured(
                prompt_id=prompt.id,
                completion_id=completion.id,
                kind=kind,
                label=prompt.meta["class"],
                features=features(classes, each.shares) or {},
                base=len(completion.text) / 40,
            )
            for (prompt, completion), each in zip(items, heard, strict=True)
        ]
    return found


def _held_out(fitted: Fitted) -> tuple[float, float]:
    assert fitted.held_out.reward_model is not None
    assert fitted.held_out.both is not None
    return fitted.held_out.reward_model, fitted.held_out.both


@pytest.mark.parametrize("kind", ["harmful", "howto"])
def test_rules_put_held_out_answers_in_order_against_a_reward_for_length(material: Path, kind: str) -> None:
    rows = _examples(material)[kind]
    order = [[name] for name in ("ideal", "acceptable", "rude", "wrong")]
    biased, mended = _held_out(fit(rows, order, FitConfig()))
    assert biased < 0.6
    assert mended >= 0.95


@pytest.mark.parametrize("kind", ["harmful", "howto"])
def test_propositions_alone_do_nearly_as_well_as_with_the_classes_beside_them(
    material: Path, kind: str
) -> None:
    rows = [
        replace(
            row, features={name: each for name, each in row.features.items() if not name.startswith(CLASS)}
        )
        for row in _examples(material)[kind]
    ]
    order = [[name] for name in ("ideal", "acceptable", "rude", "wrong")]
    biased, mended = _held_out(fit(rows, order, FitConfig()))
    assert mended > biased + 0.3
    assert mended > 0.85


def _biased_reward_model(material: Path, out: Path) -> Path:
    """A tiny real reward model, trained on the choices of the labeller who likes length."""
    config = RewardConfig(
        # at 3e-3 some of its rewards lie far out, and what is measured here is how it happened to train
        steps=120,
        batch_size=16,
        learning_rate=1e-3,
        schedule="constant",
        checkpoint_every=0,
    )
    train_reward(
        config, read_pairs(material / "biased-pairs.jsonl"), base=make_tiny(out / "base"), out=out / "rm"
    )
    return out / "rm"


@pytest.mark.heavy
def test_rules_mend_a_trained_reward_model_with_a_planted_bias(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = f"reward:{_biased_reward_model(material, tmp_path)}"
    words = ["--rules", material / "rules.yaml", "--judge", "gold:", "--base", base, "--json"]
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    answers = material / "answers.jsonl"
    code, found = call(capsys, "rbr", "fit", answers, *words, "--min-in-order", "0.95", "--out", one)
    assert code == 0
    for kind in ("harmful", "howto"):
        held_out = found["kinds"][kind]["held_out"]
        assert held_out["reward_model"] < 0.6
        assert held_out["both"] >= 0.95
    assert call(capsys, "rbr", "fit", answers, *words, "--out", two)[0] == 0
    assert one.read_bytes() == two.read_bytes()
    scored = tmp_path / "scored.jsonl"
    assert call(capsys, "rbr", "score", answers, "--weights", one, "--out", scored, "--json") == (
        0,
        {"out": str(scored), "answers": 240, "without_reward": 0},
    )
    rows = [json.loads(line) for line in scored.read_text().splitlines()]
    assert all(row["reward"] == row["reward_model"] + row["rules"] for row in rows)
    by_class: dict[str, list[float]] = {}
    for row, (prompt, _) in zip(rows, read_completions(answers), strict=True):
        by_class.setdefault(prompt.meta["class"], []).append(row["reward"])
    means = [sum(by_class[name]) / len(by_class[name]) for name in ("ideal", "acceptable", "rude", "wrong")]
    assert means == sorted(means, reverse=True)


def _released(folder: Path) -> tuple[Path, Path, Path]:
    """Files of the released shape: eight prompts, each with a good, a bad and a harmful answer."""
    kinds = {"perfect hard refusal": 0.9, "bad hard refusal": 0.5, "disallowed content": 0.1}
    answers, shares, scores = [], [], []
    for number in range(8):
        prompt = [{"role": "user", "content": f"ask {number}"}]
        own = []
        for place, (name, share) in enumerate(kinds.items()):
            text = f"{name} {number}"
            said = [{"role": "assistant", "content": text}]
            key = [f"|USER|: ask {number}", f"|ASSISTANT|: {text}"]
            own.append(
                {
                    "prompt": prompt,
                    "completion": said,
                    "response_type": "Hard Refuse",
                    "completion_type": name,
                }
            )
            features = {"apology": share + number / 100, "judgement": 1 - share}
            shares.append({"prompt_completion": key, "features": features})
            scores.append({"prompt_completion": key, "rm_score": float(place) + number})
        answers.append([f"|USER|: ask {number}", own])
    paths = []
    for name, rows in (("answers", answers), ("features", shares), ("scores", scores)):
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        paths.append(path)
    return paths[0], paths[1], paths[2]


def test_a_users_copy_of_the_released_files_is_fitted_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers, features, scores = _released(tmp_path)
    out = tmp_path / "w.json"
    words = ["--features", features, "--rewards", scores, "--out", out, "--json"]
    code, found = call(capsys, "rbr", "fit", answers, *words)
    assert code == 0
    fitted = found["kinds"]["hard_refuse"]
    assert fitted["held_out"] == {"pairs": 6, "prompts": 2, "reward_model": 0.0, "rules": 1.0, "both": 1.0}
    assert fitted["order"] == [["perfect hard refusal"], ["bad hard refusal"], ["disallowed content"]]
    assert fitted["weights"]["apology"] > 0 > fitted["weights"]["judgement"]
    assert json.loads(out.read_text())["rules"] is None


def test_another_order_may_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers, features, _ = _released(tmp_path)
    order = "hard_refuse=disallowed content > bad hard refusal, perfect hard refusal"
    words = ["--features", features, "--order", order, "--out", tmp_path / "w.json", "--json"]
    code, found = call(capsys, "rbr", "fit", answers, *words)
    assert code == 0
    fitted = found["kinds"]["hard_refuse"]
    assert fitted["order"] == [["disallowed content"], ["bad hard refusal", "perfect hard refusal"]]
    assert fitted["weights"]["apology"] < 0
    assert fitted["held_out"]["reward_model"] is None


def test_too_few_pairs_in_order_end_with_exit_3_and_the_file_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers, features, scores = _released(tmp_path)
    words = ["--features", features, "--rewards", scores, "--steps", "1", "--min-in-order", "0.9"]
    code, said = call(capsys, "rbr", "fit", answers, *words, "--out", tmp_path / "w.json")
    assert code == 3
    assert "held-out pairs in order are below 90% for hard_refuse" in said
    assert "the rules alone put 100% of the pairs in order, with the reward model 0%" in said
    assert (tmp_path / "w.json").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--rules is missing"),
        (["--rules", "RULES"], "--judge is missing"),
        (["--rules", "RULES", "--judge", "gold:", "--rewards", "ANSWERS"], "--rewards belongs to --features"),
        (["--features", "ANSWERS", "--judge", "gold:"], "--judge is not used with --features"),
        (["--rules", "RULES", "--judge", "gold:", "--kind", "sums"], "they have harmful, howto"),
        (["--rules", "RULES", "--judge", "gold:", "--base", "gold:"], "is no reward model"),
        (
            ["--rules", "RULES", "--judge", "gold:", "--order", "sums=a > b"],
            "no answer is of the kind 'sums'",
        ),
        (["--rules", "RULES", "--judge", "gold:", "--order", "howto=a"], "write KIND=best > good > bad"),
        (["--rules", "RULES", "--judge", "gold:", "--order", "howto=a > b, a"], "each class once"),
        (
            ["--rules", "RULES", "--judge", "gold:", "--order", "howto=ideal > rude"],
            "has no place in the order",
        ),
        (["--rules", "micro-default", "--judge", "gold:"], "has no `behaviors`"),
    ],
)
def test_what_a_fit_cannot_use_is_told_and_nothing_is_written(
    words: list[str], message: str, material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"RULES": str(material / "rules.yaml"), "ANSWERS": str(material / "answers.jsonl")}
    given = [places.get(word, word) for word in words]
    out = tmp_path / "w.json"
    code, said = call(capsys, "rbr", "fit", material / "answers.jsonl", *given, "--out", out)
    assert code == 2
    assert message in said
    assert not out.exists()


def test_rules_with_a_gap_are_not_fitted(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.yaml"
    text = (material / "rules.yaml").read_text()
    rules.write_text(text.replace("howto: {fitting: false}", "howto: {fitting: false, insult: true}"))
    words = ["--rules", rules, "--judge", "gold:", "--out", tmp_path / "w.json"]
    code, said = call(capsys, "rbr", "fit", material / "answers.jsonl", *words)
    assert code == 2
    assert "fitting: false, insult: false is in no class" in said


def test_without_a_class_column_the_judge_places_the_answers(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain.jsonl"
    rows = [json.loads(line) for line in (material / "answers.jsonl").read_text().splitlines()]
    plain.write_text(
        "".join(json.dumps({k: v for k, v in row.items() if k != "class"}) + "\n" for row in rows)
    )
    words = ["--rules", material / "rules.yaml", "--judge", "gold:", "--json", "--out"]
    _, named = call(capsys, "rbr", "fit", material / "answers.jsonl", *words, tmp_path / "a.json")
    _, placed = call(capsys, "rbr", "fit", plain, *words, tmp_path / "b.json")
    assert named["kinds"] == placed["kinds"]
    rows[0]["class"] = "best"
    plain.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, said = call(capsys, "rbr", "fit", plain, *words, tmp_path / "c.json")
    assert code == 2
    assert "`class` is 'best', no class of harmful; it must be one of ideal, acceptable, rude, wrong" in said


def test_scores_are_the_weighted_rules_and_another_judge_is_told_of(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, out = tmp_path / "w.json", tmp_path / "s.jsonl"
    answers = material / "answers.jsonl"
    words = ["--rules", material / "rules.yaml", "--judge", "gold:", "--out", weights]
    assert call(capsys, "rbr", "fit", answers, *words)[0] == 0
    assert call(capsys, "rbr", "score", answers, "--weights", weights, "--out", out)[0] == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["reward_model"] for row in rows} == {0.0}
    assert rows[0]["reward"] > rows[-1]["reward"]
    code, said = call(
        capsys, "rbr", "score", answers, "--weights", weights, "--judge", "random:1", "--out", out
    )
    assert code == 0
    assert "the judge random:1 is not the one that the weights were fitted with" in said
    code, said = call(
        capsys, "rbr", "score", answers, "--weights", weights, "--base", "reward:x", "--out", out
    )
    assert code == 2
    assert "was fitted without a reward model" in said


def test_the_example_does_not_write_over_files(material: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = call(capsys, "rbr", "example", "--out", material)
    assert code == 2
    assert "is there already" in said


def _fitted(material: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    words = ["--rules", material / "rules.yaml", "--judge", "gold:", "--out", out]
    assert call(capsys, "rbr", "fit", material / "answers.jsonl", *words)[0] == 0
    return out


def test_fitted_rules_judge_like_any_other_judge(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = _fitted(material, tmp_path / "w.json", capsys)
    words = ["--judge", f"rbr:{weights}", "--constitution", "micro-default", "--out", tmp_path / "run"]
    code, said = call(capsys, "judge", material / "answers.jsonl", *words, "--json")
    assert code == 0
    assert said["funnel"]["kept"] == 30
    meant = {
        (prompt.id, each.text): prompt.meta["class"]
        for prompt, each in read_completions(material / "answers.jsonl")
    }
    for pair in read_pairs(tmp_path / "run" / "pairs.jsonl"):
        asked = Prompt(messages=pair.prompt).id
        sides = [pair.chosen[-1].content, pair.rejected[-1].content]
        assert [meant[asked, text] for text in sides] == ["ideal", "wrong"]
        assert pair.provenance["judge"] == json.loads(weights.read_text())["digest"]


def test_rules_fitted_with_a_model_that_changed_judge_no_more(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = _fitted(material, tmp_path / "w.json", capsys)
    found = read_weights(weights)
    write_weights(weights, replace(found, judge={"name": "gold:", "fingerprint": "b2:other"}))
    words = ["--judge", f"rbr:{weights}", "--constitution", "micro-default", "--out", tmp_path / "run"]
    code, said = call(capsys, "judge", material / "answers.jsonl", *words)
    assert code == 2
    assert "gold: is no longer the model it was fitted with" in said
    assert not (tmp_path / "run").exists()


def test_rules_fitted_to_given_features_judge_nothing(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers, features, _ = _released(tmp_path)
    weights = tmp_path / "w.json"
    assert call(capsys, "rbr", "fit", answers, "--features", features, "--out", weights)[0] == 0
    words = ["--judge", f"rbr:{weights}", "--constitution", "micro-default", "--out", tmp_path / "run"]
    code, said = call(capsys, "judge", material / "answers.jsonl", *words)
    assert code == 2
    assert "was fitted to given features" in said


def test_a_judge_that_guesses_places_few_answers_as_their_rows_do(
    material: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--rules", material / "rules.yaml", "--judge", "random:1", "--json"]
    code, found = call(capsys, "rbr", "classify", material / "answers.jsonl", *words)
    assert code == 0
    assert found["labelled"]["same"] < 120


def test_a_margin_of_one_class_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers, features, _ = _released(tmp_path)
    words = ["--features", features, "--out", tmp_path / "w.json", "--json"]
    _, plain = call(capsys, "rbr", "fit", answers, *words)
    ideal = "perfect hard refusal"
    _, wide = call(capsys, "rbr", "fit", answers, *words, "--class-margin", f"{ideal}=2.5")
    assert plain["kinds"]["hard_refuse"]["loss"][0] == 1
    # of three pairs of a prompt two are of the ideal answer
    assert wide["kinds"]["hard_refuse"]["loss"][0] == pytest.approx((2.5 + 2.5 + 1) / 3)


@pytest.mark.parametrize(
    ("margin", "message"),
    [
        ("best=1", "no answer is in class 'best'; there are bad hard refusal"),
        ("best", "is not NAME=VALUE"),
        ("best=much", "must be a number"),
        ("best=-1", "x>=0"),
        ("best=nan", "must be a number"),
    ],
)
def test_a_margin_that_cannot_be_used_is_reported(
    margin: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers, features, _ = _released(tmp_path)
    words = ["--features", features, "--out", tmp_path / "w.json", "--class-margin", margin]
    code, said = call(capsys, "rbr", "fit", answers, *words)
    assert code == 2
    assert message in said


@pytest.mark.parametrize(
    ("name", "config"), [("classify", ClassifyConfig), ("fit", RbrFitConfig), ("score", ScoreConfig)]
)
def test_every_option_of_a_step_reaches_its_config_and_is_read(name: str, config: Any) -> None:
    own = {"as_json", "full", "show_prompt", "help"}
    fields = {each.name for each in dataclasses.fields(config)}
    assert {(each.name or "").partition("__")[0] for each in rbr.commands[name].params} - own == fields
    read = {
        node.attr
        for file in (
            "rbr/classify",
            "rbr/fit",
            "rbr/load_rules",
            "rbr/score",
            "models/pool",
            "models/open_engines",
        )
        for node in ast.walk(ast.parse((Path(workflows.__file__).parent / f"{file}.py").read_text()))
        if isinstance(node, ast.Attribute)
    }
    assert fields <= read


def test_the_first_question_is_shown_as_it_is_asked(
    material: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--rules", material / "rules.yaml", "--judge", "gold:", "--show-prompt"]
    code, said = call(capsys, "rbr", "classify", material / "answers.jsonl", *words)
    assert code == 2
    assert "is no model and is shown no text" in said


def test_why_a_judge_could_not_place_answers_is_told(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mute.jsonl").write_text('{"texts": ["no verdict"]}\n')
    rows = tmp_path / "answers.jsonl"
    rows.write_text((material / "answers.jsonl").read_text().splitlines()[0] + "\n")
    words = ["--rules", material / "rules.yaml", "--judge", f"script:{tmp_path / 'mute.jsonl'}"]
    code, said = call(capsys, "rbr", "classify", rows, *words)
    assert code == 3
    assert "1 answers are not in exactly one class" in said
    assert "calls failed, most often with: " in caplog.text
    assert "no row has labels for this" in caplog.text
