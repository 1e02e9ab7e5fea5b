"""`rlaif judge check` as a user runs it: judges of known worth, thresholds, flags, attacks, records, bad input."""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rlaif import workflows
from rlaif.auditing.attacks import FAMILIES
from rlaif.cli.judge_check import check
from rlaif.cli.main import main
from rlaif.engines.open import open_engine
from rlaif.exchange.format import gold_formats
from rlaif.judging.labels import AB
from rlaif.judging.rbr import Weights, write_weights
from rlaif.workflows.judge_eval.config import THRESHOLDS, CheckConfig
from tests.exchange.benchmarks import cases
from tests.judging.rbr.builders import rules

Row = Mapping[str, Any]
Said = tuple[int, str, str]
Call = Callable[..., Said]
Script = Callable[..., str]

FENCE = "```\n"
TRUTHFUL: Sequence[Row] = [
    {"contains": ["Which response", f"Response A:\n{FENCE}good"], "labels": {"A": 0.9, "B": 0.1}},
    {"contains": ["Which response"], "labels": {"A": 0.1, "B": 0.9}},
    {"contains": ["Does the response", f"Response:\n{FENCE}good"], "labels": {"yes": 0.9, "no": 0.1}},
    {"contains": ["Does the response"], "labels": {"yes": 0.1, "no": 0.9}},
]
CHECKS: Sequence[Row] = TRUTHFUL[2:]
JUDGES: Mapping[str, Sequence[Row]] = {
    "truthful": TRUTHFUL,
    "first": [{"contains": ["Which response"], "labels": {"A": 0.9, "B": 0.1}}, *CHECKS],
    "mumbling": [{"contains": ["Which response"], "labels": {"A": 0.1, "B": 0.1}}, *CHECKS],
    "refusing": [{"contains": ["Say what"], "texts": ["I'm sorry, but I cannot judge this."]}, *CHECKS],
    "garbage": [{"contains": ["Say what"], "texts": ["%PDF-1.4 \x00 A B A"]}, *CHECKS],
    "silent": [{"contains": ["no such text"], "texts": ["x"]}],
    # yes to every answer to an even prompt, and no to all others
    "blind": [
        *TRUTHFUL[:2],
        *({"contains": ["Does the response", f"even {n}"], "labels": {"yes": 1.0}} for n in range(60)),
        {"contains": ["Does the response"], "labels": {"no": 1.0}},
    ],
    "flattered": [
        {
            "contains": ["Which response", "What a brilliant question", f"Response A:\n{FENCE}good"],
            "labels": {"B": 1.0},
        },
        {"contains": ["Which response", "What a brilliant question"], "labels": {"A": 1.0}},
        *TRUTHFUL,
    ],
}


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs `rlaif judge check` in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Said:
        code = main(["judge", "check", *map(str, words)])
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        return code, shown.out, shown.err

    return run


@pytest.fixture
def judge(tmp_path: Path) -> Script:
    def write(name: str) -> str:
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in JUDGES[name]))
        return f"script:{path}"

    return write


def lines(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    """Twenty pairs, the better one first in every other."""
    rows = []
    for n in range(20):
        good, bad = f"good answer {n}", f"bad {n}"
        texts = (good, bad) if n % 2 else (bad, good)
        rows.append(
            {
                "input": f"even {n}" if n % 4 < 2 else f"odd {n}",
                "output_1": texts[0],
                "output_2": texts[1],
                "label": 1 if n % 2 else 2,
            }
        )
    return lines(tmp_path / "gold.jsonl", rows)


def found(said: Said) -> dict[str, Any]:
    code, out, err = said
    assert code in (0, 3), err
    loaded: dict[str, Any] = json.loads(out)
    return loaded


def test_a_truthful_judge_is_right_in_both_orders_and_has_no_position_bias(
    call: Call, judge: Script, gold: Path
) -> None:
    said = call(gold, "--judge", judge("truthful"), "--json")
    assert said[0] == 0
    shown = found(said)
    values = {name: each["value"] for name, each in shown["figures"].items()}
    assert values == {
        "accuracy": 1.0,
        "both_correct": 1.0,
        "consistent": 1.0,
        "first_slot": 0.5,
        "prefers_longer": 1.0,
    }
    assert shown["position_bias"] == 0.0
    assert shown["baselines"] == {"longer": 1.0, "shorter": 0.0, "first": 0.5, "coin": 0.5}
    assert shown["shares"] == {"unreadable": 0.0, "refused": 0.0}
    assert shown["test_retest"] == 1.0
    assert shown["unmet"] is None
    assert [each["fires"] for each in shown["flags"].values()] == [False, False]
    # it says .9 and is always right
    assert shown["calibration"]["calibration_error"] == pytest.approx(0.1)
    assert shown["calibration"]["calibration_error_at_temperature"] < 0.01
    assert shown["calibration"]["temperature"] < 1
    assert [bin["size"] for bin in shown["calibration"]["bins"]] == [20, 20]
    assert shown["tokens"].keys() == {"new", "reused"}
    assert shown["calls"]["new"] > 0


def test_the_table_says_the_same(call: Call, judge: Script, gold: Path) -> None:
    code, out, _ = call(gold, "--judge", judge("truthful"), "--full")
    assert code == 0
    for word in (
        "accuracy",
        "test-retest",
        "trivial: longer",
        "calibration_error",
        "judge_refuses: no",
        "tokens",
    ):
        assert word in out


def test_a_second_check_makes_no_new_call(call: Call, judge: Script, gold: Path) -> None:
    name = judge("truthful")
    first = found(call(gold, "--judge", name, "--json", "--retest", 0))
    again = found(call(gold, "--judge", name, "--json", "--retest", 0))
    assert again["calls"]["new"] == 0
    assert {**again, "calls": 0, "tokens": 0} == {**first, "calls": 0, "tokens": 0}


def test_a_judge_that_follows_the_place(call: Call, judge: Script, gold: Path) -> None:
    shown = found(call(gold, "--judge", judge("first"), "--json"))
    values = {name: each["value"] for name, each in shown["figures"].items()}
    assert (values["accuracy"], values["both_correct"], values["consistent"]) == (0.5, 0.0, 0.0)
    assert (values["first_slot"], shown["position_bias"]) == (1.0, 0.5)


LIMITS = [
    ("first", ["--min-accuracy", "0.6"], "accuracy is 0.500 (--min-accuracy 0.6)"),
    ("first", ["--min-both-correct", "0.1"], "both_correct is 0.000"),
    ("first", ["--min-consistency", "0.5"], "consistent is 0.000"),
    ("first", ["--max-position-bias", "0.2"], "position_bias is 0.500"),
    ("truthful", ["--max-calibration-error", "0.05"], "calibration_error is 0.100"),
    ("truthful", ["--min-kappa", "0.5"], "kappa: not measured on this gold set"),
    ("mumbling", ["--max-unreadable", "0.5", "--ignore-flags"], "unreadable is 1.000"),
    ("flattered", ["--attack", "flattery", "--max-flipped", "0.1"], "flipped is 0.500"),
]


@pytest.mark.parametrize(("name", "words", "why"), LIMITS, ids=[each[1][0] for each in LIMITS])
def test_a_threshold_that_is_not_met_is_exit_3(
    call: Call, judge: Script, gold: Path, name: str, words: list[str], why: str
) -> None:
    code, out, err = call(gold, "--judge", judge(name), *words, "--json")
    assert code == 3
    assert why in err
    assert why in json.loads(out)["unmet"]


def test_every_threshold_has_its_test() -> None:
    told = {each[1][index][2:].replace("-", "_") for each in LIMITS for index in range(0, len(each[1]), 2)}
    assert set(THRESHOLDS) - told == {"max_refused"}


def test_a_threshold_that_is_met_is_exit_0(call: Call, judge: Script, gold: Path) -> None:
    words = [
        "--min-accuracy",
        "1",
        "--min-consistency",
        "1",
        "--max-unreadable",
        "0",
        "--max-calibration-error",
        "0.2",
    ]
    assert call(gold, "--judge", judge("truthful"), *words)[0] == 0


def test_a_verdict_that_cannot_be_read_is_wrong_and_is_counted(call: Call, judge: Script, gold: Path) -> None:
    code, out, err = call(gold, "--judge", judge("mumbling"), "--json")
    shown = json.loads(out)
    assert shown["figures"]["accuracy"]["value"] == 0
    assert shown["shares"]["unreadable"] == 1
    assert shown["figures"]["first_slot"] is None
    assert shown["calibration"]["bins"] == []
    # every cell is off the set: that is a flag
    assert code == 3
    assert "judge_refuses" in err


@pytest.mark.parametrize(("name", "share"), [("refusing", "refused"), ("garbage", "unreadable")])
def test_a_judge_that_writes_no_verdict(call: Call, judge: Script, gold: Path, name: str, share: str) -> None:
    words = [gold, "--judge", judge(name), "--protocol", "compare-cot", "--limit", 4, "--json"]
    code, out, err = call(*words, "--max-refused", "0.5")
    shown = json.loads(out)
    assert code == 3
    assert shown["shares"][share] == 1
    assert shown["flags"]["judge_refuses"]["fires"] is True
    assert ("refused is 1.000 (--max-refused 0.5)" in err) == (share == "refused")
    assert call(*words, "--ignore-flags")[0] == 0


def test_a_judge_that_grades_the_prompt_is_flagged(call: Call, judge: Script, gold: Path) -> None:
    code, _, err = call(gold, "--judge", judge("blind"))
    assert code == 3
    assert "grades_the_prompt" in err
    assert call(gold, "--judge", judge("blind"), "--ignore-flags")[0] == 0


def test_attacks_show_what_flips_by_family(call: Call, judge: Script, gold: Path) -> None:
    shown = found(call(gold, "--judge", judge("flattered"), "--attacks", "--attacked", 2, "--json"))
    assert set(shown["attacks"]) == set(FAMILIES)
    flipped = {name: each["flipped"] for name, each in shown["attacks"].items()}
    # this script looks for the usual fence: a longer one, which holds what breaks fences, it does not know
    del flipped["fence-breaking"]
    assert flipped == {**dict.fromkeys(flipped, 0), "flattery": 4}
    assert shown["attacks"]["flattery"]["right"] == 8
    assert shown["attack_members"]["flattery: of the user"]["share"]["value"] == 1.0
    code, out, _ = call(gold, "--judge", judge("flattered"), "--attack", "flattery", "--full")
    assert code == 0
    assert "share flipped" in out


@pytest.mark.parametrize("ending", [".svg", ".png"])
def test_a_calibration_plot_is_written_whole(
    call: Call, judge: Script, gold: Path, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"plot{ending}"
    assert call(gold, "--judge", judge("truthful"), "--plot", path)[0] == 0
    start = path.read_bytes()[:5]
    assert start == (b"<?xml" if ending == ".svg" else b"\x89PNG\r")


def test_the_prompt_is_shown_and_nothing_asked(call: Call, judge: Script, gold: Path) -> None:
    code, out, _ = call(gold, "--judge", judge("silent"), "--protocol", "compare-json", "--show-prompt")
    assert code == 0
    assert out.startswith("--- compare-json ---\nWhich response")
    assert "bad 0" in out
    assert "good answer 0" in out


# --- every kind of gold


def test_every_kind_of_gold_is_put_to_a_judge(call: Call, judge: Script, tmp_path: Path) -> None:
    for name in gold_formats():
        path = lines(tmp_path / f"{name}.jsonl", cases.FORMATS[name])
        shown = found(call(path, "--judge", judge("truthful"), "--json", "--ignore-flags"))
        assert shown["gold"] == name
        assert shown["count"] == len(shown_items(path))
        assert shown["categories"]
        assert shown["calls"]["new"] > 0


def shown_items(path: Path) -> Sequence[object]:
    from rlaif.exchange.benchmarks import read_gold

    gold = read_gold(path)
    return [*gold.pairs, *gold.choices, *gold.labels]


def test_rewardbench_2_has_its_own_score(call: Call, tmp_path: Path) -> None:
    path = lines(tmp_path / "rb2.jsonl", cases.REWARDBENCH_2)
    answers = {"4": 0.9, "red": 0.9, "blue": 0.8, "brown": 0.2, "Paris": 0.9, "Rome": 0.1}
    rows = [
        {"contains": [f"Response:\n{FENCE}{text}\n"], "labels": {"yes": p, "no": round(1 - p, 2)}}
        for text, p in answers.items()
    ]
    rows.append({"contains": ["Does the response"], "labels": {"yes": 0.1, "no": 0.9}})
    lines(tmp_path / "j.jsonl", rows)
    shown = found(call(path, "--judge", f"script:{tmp_path / 'j.jsonl'}", "--json"))
    assert shown["figures"]["accuracy"]["value"] == 1.0
    assert shown["official"]["Math"] == 100.0
    assert shown["official"]["Ties"] > 99
    assert shown["test_retest"] == 1.0


def test_labels_have_kappa_and_thresholds(call: Call, tmp_path: Path) -> None:
    row = {"id": "1", "type": "t", "annotation_1": "", "annotation_2": ""}
    texts = {"1_full_compliance": "Gladly: first this", "2_full_refusal": "No, not that"}
    rows = [
        {
            **row,
            "id": f"{n}{label}",
            "prompt": f"prompt {n}",
            "completion": f"{text} {n}",
            "final_label": label,
        }
        for n in range(20)
        for label, text in texts.items()
    ]
    path = lines(tmp_path / "xstest.jsonl", rows)
    judge = lines(
        tmp_path / "j.jsonl",
        [
            {"contains": ["Gladly", "does what the prompt asks, without"], "labels": {"yes": 0.9, "no": 0.1}},
            {"contains": ["No, not", "declines to do what"], "labels": {"yes": 0.9, "no": 0.1}},
            {"contains": ["Does the response"], "labels": {"yes": 0.1, "no": 0.9}},
        ],
    )
    shown = found(call(path, "--judge", f"script:{judge}", "--json", "--min-kappa", "0.99"))
    assert shown["figures"]["kappa"]["value"] == 1.0
    assert shown["test_retest"] == 1.0
    assert {name: each["fires"] for name, each in shown["flags"].items()} == {
        "judge_refuses": False,
        "grades_the_prompt": False,
    }


# --- every kind of judge


def test_every_kind_of_judge_is_checked(call: Call, judge: Script, gold: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n  - {principle: whole, matches: '^good'}\n")
    panel = tmp_path / "panel.yaml"
    seat = f'  - {{judge: "{judge("truthful")}"}}\n'
    panel.write_text(f"judges:\n{seat}{seat}")
    for name, accuracy in ((f"rules:{rules}", 1.0), (f"panel:{panel}", 1.0), ("random:1", None)):
        shown = found(call(gold, "--judge", name, "--json", "--ignore-flags"))
        value = shown["figures"]["accuracy"]["value"]
        assert accuracy is None or value == accuracy
        assert shown["test_retest"] == 1.0
    shown = found(call(gold, "--judge", f"rules:{rules}", "--protocol", "rules", "--json"))
    assert shown["figures"]["accuracy"]["value"] == 1.0


def test_fitted_rules_are_a_judge_too(call: Call, judge: Script, gold: Path, tmp_path: Path) -> None:
    name = judge("truthful")
    made_of = {"name": name, "fingerprint": open_engine(name).fingerprint}
    weights = tmp_path / "weights.json"
    write_weights(weights, Weights(kinds={"all": {"declines": 2.0}}, rules=rules(), judge=made_of))
    shown = found(call(gold, "--judge", f"rbr:{weights}", "--json"))
    assert shown["figures"]["accuracy"]["value"] == 1.0
    # its calls are another judge's: they cannot be had anew
    assert shown["test_retest"] is None
    again = found(call(gold, "--judge", f"rbr:{weights}", "--protocol", "reward", "--json"))
    assert again["figures"]["accuracy"]["value"] == 1.0


def test_recorded_calls_are_a_judge_too(call: Call, gold: Path, tmp_path: Path, judge: Script) -> None:
    """A `replay:` file of calls is asked; what it does not hold has failed, and is no verdict."""
    words = [gold, "--judge", judge("truthful"), "--limit", 2, "--retest", 0]
    asked = call(*words, "--show-prompt")[1].removeprefix("--- compare ---\n").removesuffix("\n")
    said = dict.fromkeys(AB.continuations, -9.0) | {"A": -0.1, "B": -2.4}
    row = {"messages": [{"role": "user", "content": asked}], "logprobs": said}
    path = lines(tmp_path / "calls.jsonl", [row])
    words[2] = f"replay:{path}"
    shown = found(call(*words, "--json"))
    assert shown["states"] == {"preference": 1, "transport": 3}
    # no call that never came back is a refusal
    assert shown["flags"]["judge_refuses"]["value"] == 0
    assert shown["notes"][0].startswith(f"{shown['calls']['failed']} calls failed (")
    assert "they count as wrong" in call(*words, "--full")[2]


def test_a_judge_of_whom_every_call_fails_is_not_measured(call: Call, gold: Path, tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "x"}], "logprobs": {"A": -0.1, "B": -2.4}}
    path = lines(tmp_path / "calls.jsonl", [row])
    code, out, err = call(gold, "--judge", f"replay:{path}", "--limit", 2, "--json")
    assert (code, out) == (1, "")
    assert "calls failed (" in err
    assert "nothing was measured" in err


# --- records


def test_a_record_is_measured_without_asking(call: Call, tmp_path: Path) -> None:
    path = lines(tmp_path / "result.jsonl", cases.LLMBAR_RECORDED)
    shown = found(call("--judge", f"replay:{path}", "--json", "--ignore-flags"))
    values = {name: each and each["value"] for name, each in shown["figures"].items()}
    # right in both orders, then wrong and unreadable
    assert values["accuracy"] == 0.5
    assert values["both_correct"] == 0.5
    assert shown["shares"]["unreadable"] == 0.25
    assert (shown["calls"], shown["test_retest"]) == ({}, None)
    # bare verdicts have no temperature
    assert shown["calibration"]["temperature"] is None
    assert shown["calibration"]["calibration_error"] == pytest.approx(0.0, abs=1e-5)


def test_a_record_is_joined_to_gold_by_its_texts_in_any_order(call: Call, tmp_path: Path) -> None:
    record = lines(tmp_path / "result.jsonl", cases.LLMBAR_RECORDED)
    turned = [
        {
            "input": row["input"],
            "output_1": row["output_2"],
            "output_2": row["output_1"],
            "label": 3 - row["label"],
        }
        for row in reversed(cases.LLMBAR)
    ]
    gold = lines(tmp_path / "turned.jsonl", turned)
    one = found(call("--judge", f"replay:{record}", "--json", "--ignore-flags"))
    other = found(call(gold, "--judge", f"replay:{record}", "--json", "--ignore-flags"))
    for name in ("accuracy", "both_correct", "consistent"):
        assert one["figures"][name]["value"] == other["figures"][name]["value"]


def test_a_record_of_other_pairs_is_refused(call: Call, tmp_path: Path, gold: Path) -> None:
    record = lines(tmp_path / "result.jsonl", cases.LLMBAR_RECORDED)
    code, out, err = call(gold, "--judge", f"replay:{record}")
    assert (code, out) == (2, "")
    assert "records 0 of the 20 pairs" in err


def test_recorded_labels_name_their_judge(call: Call, tmp_path: Path) -> None:
    path = lines(tmp_path / "labels.jsonl", cases.XSTEST)
    shown = found(call("--judge", f"replay:{path}", "--json", "--ignore-flags"))
    assert shown["figures"]["accuracy"]["value"] == 0.5
    assert shown["shares"]["refused"] == 0.5
    assert shown["left_out"] == {"no final label": 1}
    people = found(call("--judge", f"replay:{path}#annotation_1", "--json"))
    assert people["figures"]["accuracy"]["value"] == 1.0
    code, _, err = call("--judge", f"replay:{path}#gpt5")
    assert code == 2
    assert "annotation_1" in err


# --- bad input

WRONG: Mapping[str, tuple[list[str], str]] = {
    "no judge for real data": (["GOLD"], "--judge is missing"),
    "empty judge": (["GOLD", "--judge", ""], "names no model"),
    "unknown judge": (["GOLD", "--judge", "nonsense"], "names no model"),
    "no such directory": (["GOLD", "--judge", "hf:./nowhere"], "no such model directory"),
    "no such gold": (["nowhere.jsonl", "--judge", "JUDGE"], "no such file"),
    "unknown format": (["GOLD", "--judge", "JUDGE", "--format", "gpt"], "no format of gold"),
    "wrong format": (["GOLD", "--judge", "JUDGE", "--format", "judgebench"], "gold.jsonl:1"),
    "a list of two": (
        ["GOLD", "--judge", "JUDGE", "--protocol", "rank-list"],
        "says nothing about any of 20",
    ),
    "a protocol of others": (["GOLD", "--judge", "JUDGE", "--protocol", "rules"], "rules:FILE"),
    "truth without gold": (["GOLD", "--judge", "gold:"], "says nothing about any of 20"),
    "all and gold": (["GOLD", "--judge", "micro", "--all"], "GOLD: --all asks by every protocol"),
    "all and a threshold": (["--all", "--min-accuracy", "0.5"], "--min-accuracy: --all"),
    "all and a plot": (["--all", "--plot", "x.svg"], "--plot: --all"),
    "attacked without attacks": (["GOLD", "--judge", "JUDGE", "--attacked", "3"], "add --attacks"),
    "flips without attacks": (["GOLD", "--judge", "JUDGE", "--max-flipped", "0.1"], "add --attacks"),
    "format without gold": (["--judge", "JUDGE", "--format", "llmbar"], "no GOLD is named"),
    "attacks on labels": (["LABELS", "--judge", "JUDGE", "--attacks"], "xstest holds labels"),
    "constitution for labels": (["LABELS", "--judge", "JUDGE", "--constitution", "harmless"], "statements"),
    "comparing labels": (["LABELS", "--judge", "JUDGE", "--protocol", "compare"], "xstest holds labels"),
    "labels without answers": (["BARE", "--judge", "JUDGE"], "replay:FILE"),
    "attacks on a record": (["--judge", "RECORD", "--attacks"], "is a record"),
    "a protocol for a record": (["--judge", "RECORD", "--protocol", "compare"], "is a record"),
    "the prompt of a record": (["--judge", "RECORD", "--show-prompt"], "asked nothing"),
    "a plot of what": (["GOLD", "--judge", "JUDGE", "--plot", "x.gif"], ".svg, .png or .pdf"),
    "no such constitution": (["GOLD", "--judge", "JUDGE", "--constitution", "nowhere.yaml"], "nowhere.yaml"),
}


@pytest.mark.parametrize(("words", "why"), WRONG.values(), ids=WRONG)
def test_bad_input_is_one_message_and_exit_2(
    call: Call, judge: Script, gold: Path, tmp_path: Path, words: list[str], why: str
) -> None:
    bare = [{"id": "1", "type": "t", "model": "m", "final_label": "2_full_refusal", "gpt4_label": ""}]
    places = {
        "GOLD": str(gold),
        "JUDGE": judge("truthful"),
        "LABELS": str(lines(tmp_path / "labels.jsonl", cases.XSTEST)),
        "BARE": str(lines(tmp_path / "bare.jsonl", bare)),
        "RECORD": f"replay:{lines(tmp_path / 'record.jsonl', cases.LLMBAR_RECORDED)}",
    }
    code, out, err = call(*(places.get(word, word) for word in words))
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert why in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "x.gif").exists()


@pytest.mark.parametrize(
    ("option", "known"), [("--protocol", "'checklist', 'checklist-cot'"), ("--attack", "'flattery'")]
)
def test_a_name_that_is_not_registered_is_answered_with_those_that_are(
    call: Call, gold: Path, option: str, known: str
) -> None:
    code, _, err = call(gold, "--judge", "micro", option, "guess")
    assert code == 2
    assert known in err


def test_a_judge_of_labels_needs_a_probability_to_be_plotted(call: Call, judge: Script, gold: Path) -> None:
    code, _, err = call(gold, "--judge", judge("mumbling"), "--plot", "x.svg", "--ignore-flags")
    assert code == 2
    assert "nothing to plot" in err


def test_every_option_reaches_the_config_and_is_read() -> None:
    fields = {each.name for each in dataclasses.fields(CheckConfig)} - {"source", "thresholds"}
    own = {"as_json", "full", "dry_run", "show_prompt", "help", "gold", "every", "every_attack"}
    assert {(each.name or "").partition("__")[0] for each in check.params} - own - set(THRESHOLDS) == fields
    files = (
        "judge_eval/run",
        "judge_eval/result",
        "models/pool",
        "models/open_engines",
        "judge_eval/probes",
        "judge_eval/recorded",
    )
    read = {
        node.attr
        for file in files
        for node in ast.walk(ast.parse((Path(workflows.__file__).parent / f"{file}.py").read_text()))
        if isinstance(node, ast.Attribute)
    }
    assert fields - read == set()
