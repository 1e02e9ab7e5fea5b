"""Every gold set is known by its columns and read as what it says; a row that says nothing is left out and counted."""

from __future__ import annotations

import csv
import gzip
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.benchmarks import LOST, read_gold, read_recorded
from rlaif.exchange.format import gold_formats
from rlaif.records import State

from . import cases
from .cases import Rows

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(rows: Rows, name: str = "gold.jsonl") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        path.write_text(json.dumps(list(rows)) if path.suffix == ".json" else lines)
        return path

    return write


def test_every_format_has_a_case() -> None:
    assert set(cases.FORMATS) == set(gold_formats())


@pytest.mark.parametrize("name", gold_formats())
@pytest.mark.parametrize("ending", ["gold.jsonl", "gold.json"])
def test_a_format_is_known_by_its_columns(write: Write, name: str, ending: str) -> None:
    path = write(cases.FORMATS[name], ending)
    found = read_gold(path)
    assert found.name == name
    assert found == read_gold(path, name=name)


def test_llmbar_and_its_recorded_judges(write: Write) -> None:
    found = read_gold(write(cases.LLMBAR, "Natural/dataset.json"))
    assert [(each.texts, each.first_better, each.category) for each in found.pairs] == [
        (("An apple.", "A chair."), 1.0, "Natural"),
        (("Yes, of course.", "No."), 0.0, "Natural"),
    ]
    recorded = read_recorded(write(cases.LLMBAR_RECORDED, "result.json"))
    assert recorded is not None
    orders = [each.recorded for each in recorded.pairs]
    assert [[verdict.p for verdict in each.judged] for each in orders if each] == [[1.0, 1.0], [1.0, None]]
    assert orders[1] is not None
    assert orders[1].swapped == LOST


def test_a_folder_is_all_its_files(write: Write, tmp_path: Path) -> None:
    write(cases.LLMBAR, "bar/Natural/dataset.json")
    write(cases.LLMBAR[:1], "bar/Adversarial/Manual/dataset.json")
    found = read_gold(tmp_path / "bar")
    assert [each.category for each in found.pairs] == ["Manual", "Natural", "Natural"]


def test_a_folder_is_not_searched_to_its_bottom(write: Write, tmp_path: Path) -> None:
    """Somebody who names `/` has not named a gold set."""
    write(cases.LLMBAR, "a/b/c/d/e/dataset.json")
    with pytest.raises(PromptFileError, match=r"holds no dataset\.json"):
        read_gold(tmp_path)


def test_an_archive_holds_several_judges(write: Write, tmp_path: Path) -> None:
    path = write(cases.LLMBAR_RECORDED, "result.json")
    archive = tmp_path / "results.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(path, "Natural/evaluators/Some-LM/CoT/result.json")
        packed.add(path, "Adversarial/Manual/evaluators/Some-LM/CoT/result.json")
    found = read_gold(f"{archive}#Some-LM/CoT")
    assert [each.category for each in found.pairs] == ["Manual", "Manual", "Natural", "Natural"]
    with pytest.raises(PromptFileError, match="one of: Some-LM/CoT"):
        read_gold(f"{archive}#Other")


def test_judgebench_reads_the_second_order_turned(write: Write) -> None:
    one, other = read_gold(write(cases.JUDGEBENCH)).pairs
    assert (one.category, one.first_better, other.first_better) == ("mmlu-pro", 1.0, 0.0)
    assert one.recorded is not None
    assert other.recorded is not None
    # A>B and, shown the other way round, B>A: both times the first text
    assert [each.p for each in one.recorded.judged] == [1.0, 1.0]
    assert [each.state for each in other.recorded.judged] == [State.TIE, State.UNREADABLE]


def test_rewardbench_1_and_2(write: Write) -> None:
    first = read_gold(write(cases.REWARDBENCH))
    assert [(each.first_better, each.category) for each in first.pairs] == [
        (1.0, "alpacaeval-easy"),
        (1.0, "math-prm"),
    ]
    second = read_gold(write(cases.REWARDBENCH_2))
    assert [(each.id, each.texts, each.right) for each in second.choices] == [
        ("7", ("4", "5", "22", "3"), 1),
        ("tied:0", ("red", "blue", "brown"), 2),
        ("ref:0", ("Paris", "Rome"), 1),
    ]


def test_xstest_keeps_what_each_judge_wrote_and_leaves_open_labels_out(write: Write) -> None:
    found = read_gold(write(cases.XSTEST))
    assert [(each.label, each.recorded["gpt4_label"], each.group) for each in found.labels] == [
        ("1_full_compliance", "1_full_compliance", "homonyms"),
        ("2_full_refusal", "I'm sorry, but I can't assist with that.", "contrast_homonyms"),
    ]
    assert found.left_out == {"no final label": 1}


def test_xstest_labels_without_answers_are_read_from_csv(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    with path.open("w", newline="") as stream:
        out = csv.DictWriter(stream, ["model", "id", "type", "final_label", "gpt4_label"])
        out.writeheader()
        out.writerow(
            {"model": "m", "id": 1, "type": "t", "final_label": "2_full_refusal", "gpt4_label": "x, y"}
        )
    [label] = read_gold(path).labels
    assert (label.text, label.category, label.recorded) == (None, "m", {"gpt4_label": "x, y"})


def test_rbr_gold_is_a_label_for_each_proposition_that_is_known(write: Write) -> None:
    found = read_gold(write(cases.RBR))
    assert [(each.category, each.label, each.text) for each in found.labels] == [
        ("apology", "false", "I can't help with that."),
        ("refuses", "true", "I can't help with that."),
    ]
    assert set(found.statements) == {"apology", "refuses"}


def test_hh_pairs_share_their_prompt(write: Write) -> None:
    found = read_gold(write(cases.HH))
    [pair] = found.pairs
    assert [(each.role, each.content) for each in pair.prompt.messages] == [
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Help me"),
    ]
    assert (pair.texts, pair.first_better) == (("Gladly", "No"), 1.0)
    assert sum(found.left_out.values()) == 2


def test_hh_is_read_packed(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(cases.HH[0]).encode()))
    assert len(read_gold(path)) == 1


def test_alpaca_eval_counts_the_votes_of_people(write: Write) -> None:
    found = read_gold(write(cases.ALPACA))
    assert [(each.first_better, each.category) for each in found.pairs] == [
        (pytest.approx(2 / 3), "gold"),
        (0.0, "koala"),
    ]
    assert found.left_out == {"the annotation failed": 1}


def test_alpaca_eval_annotations_of_a_judge_are_its_verdicts(write: Write) -> None:
    """The same pair the other way round is the other order; a failed annotation is no verdict."""
    row = {"instruction": "Say no.", "output_1": "Yes.", "output_2": "No."}
    turned = {"instruction": "Say no.", "output_1": "No.", "output_2": "Yes."}
    rows = [{**row, "preference": 1.9}, {**turned, "preference": -1}]
    found = read_recorded(write(rows))
    assert found is not None
    [recorded] = [each.recorded for each in found.pairs]
    assert recorded is not None
    assert recorded.forward.p == pytest.approx(0.1)
    assert recorded.swapped == LOST


def test_our_pairs_say_how_sure_they_are(write: Write) -> None:
    [pair] = read_gold(write(cases.PAIRS)).pairs
    assert (pair.texts, pair.first_better) == (("Hello", "Go"), 0.75)


def test_a_limit_takes_the_first(write: Write) -> None:
    assert [each.id for each in read_gold(write(cases.REWARDBENCH_2), limit=1).choices] == ["7"]


WRONG = {
    "no rows": ("", "has no rows"),
    "broken line": ('{"input": "a"\n', "gold.jsonl:1: broken JSON"),
    "no object": ("[1]\n", "gold.jsonl:1: a row must be an object"),
    "strange columns": ('{"a": 1}\n', "the columns a are of no gold set"),
    "preferences of another format": (
        '{"prompt": "a", "response": "b", "helpfulness": 1}\n',
        "gold.jsonl --out RUN`, and RUN/pairs.jsonl is gold",
    ),
    "wrong label": (json.dumps({**cases.LLMBAR[0], "label": 3}) + "\n", "gold.jsonl:1: 'label' is 3"),
    "wrong type": (json.dumps({**cases.LLMBAR[0], "output_1": 5}) + "\n", "gold.jsonl:1: 'output_1' must be"),
    "second line": (json.dumps(cases.LLMBAR[0]) + "\n{}\n", "gold.jsonl:2: 'label' is None"),
    "decision": (
        json.dumps({**cases.JUDGEBENCH[0], "judgments": ["A>>B"]}) + "\n",
        "gold.jsonl:1: a decision is 'A>>B'",
    ),
    "preference": (json.dumps({**cases.ALPACA[0], "preference": 7}) + "\n", "`preference` is 7"),
    "no turn": ('{"chosen": "hi", "rejected": "ho"}\n', "gold.jsonl:1: 'chosen' holds no `Assistant:`"),
    "no text": (json.dumps({**cases.REWARDBENCH[0], "subset": None}) + "\n", "'subset' must be text"),
    "all left out": (json.dumps(cases.HH[2]) + "\n", "holds no gold"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_a_file_that_is_no_gold_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(text)
    with pytest.raises(PromptFileError) as caught:
        read_gold(path)
    assert said in str(caught.value)


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".tar.gz", ".jsonl.gz", ".parquet"])
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"gold{ending}"
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(PromptFileError, match="gold"):
        read_gold(path)


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlaif.exchange.text_files.MAX_LINE", 1000)
    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps(cases.LLMBAR[0]) + "\n" + "x" * 5000)
    with pytest.raises(PromptFileError, match=r"gold.jsonl:2: the line is longer than 1,000 bytes"):
        read_gold(path)


def test_a_list_that_is_too_large_is_refused_before_it_is_read(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlaif.exchange.text_files.MAX_WHOLE", 10)
    with pytest.raises(PromptFileError, match="save one object a line"):
        read_gold(write(cases.LLMBAR, "gold.json"))


@pytest.mark.parametrize("name", ["gold.jsonl", "nothing", "gold.jsonl#judge", "x.tar.gz#y"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(PromptFileError, match="no such file"):
        read_gold(tmp_path / name)


def test_an_unknown_format_names_the_known_ones(write: Write) -> None:
    with pytest.raises(PromptFileError, match="known: rbr"):
        read_gold(write(cases.LLMBAR), name="gpt")


@pytest.mark.parametrize("name", gold_formats())
def test_a_format_that_is_named_and_does_not_fit_is_refused(write: Write, name: str) -> None:
    with pytest.raises(PromptFileError, match=r"gold.jsonl:1"):
        read_gold(write([{"a": 1}]), name=name)


def test_a_gold_set_of_pairs_is_read_whole_and_says_what_it_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    row = {"prompt": "Sky?", "chosen": "a", "rejected": "b", "system": "S", "source": "x"}
    (path := tmp_path / "gold.jsonl").write_text(json.dumps(row) + "\n")
    (pair,) = read_gold(path).pairs
    assert [each.content for each in pair.prompt.messages] == ["S", "Sky?"]
    assert "left out: source (no meaning here)" in caplog.text
    path.write_text(json.dumps({**row, "tools": [{"type": "function"}]}) + "\n")
    with pytest.raises(PromptFileError, match=r"gold\.jsonl:1: `tools`\[0\] is no schema"):
        read_gold(path)
