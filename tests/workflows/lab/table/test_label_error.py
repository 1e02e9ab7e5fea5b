from __future__ import annotations

from pathlib import Path

from rlaif.constitution import load_principles
from rlaif.exchange.judgments import write_judgments
from rlaif.exchange.pairs import write_pairs
from rlaif.exchange.prompts import read_prompts
from rlaif.judging.noisy_judge import TURNED
from rlaif.records import Judgment, Message, Pair, State
from rlaif.workflows.lab.table.label_error import label_error

PROMPTS = read_prompts("micro:train")[:2]
RULES = load_principles("micro-default")
GOOD, BAD = "Hello. Good luck.", "You are a fool. You are a fool."


def pair(chosen: str, rejected: str) -> Pair:
    sides = [(Message(role="assistant", content=text),) for text in (chosen, rejected)]
    return Pair(prompt=PROMPTS[0].messages, chosen=sides[0], rejected=sides[1], label_prob=0.9)


def judgment(number: int, detail: str) -> Judgment:
    return Judgment(
        protocol="checklist",
        judge="b2:judge",
        prompt_id=PROMPTS[0].id,
        completion_ids=(f"c{number}",),
        principle_id="greet",
        state=State.SCORE,
        value=0.9,
        detail=detail,
    )


def test_wrong_labels_are_counted_among_pairs_that_gold_distinguishes(tmp_path: Path) -> None:
    folder = tmp_path / "round-1"
    folder.mkdir()
    write_pairs(folder / "pairs.jsonl", [pair(GOOD, BAD), pair(BAD, GOOD), pair(BAD, f"{BAD} ")])
    found = label_error(tmp_path, PROMPTS, RULES)
    assert (found["pairs"], found["wrong"]) == (2, 1)


def test_pairs_of_prompts_that_nobody_knows_are_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "round-1"
    folder.mkdir()
    write_pairs(folder / "pairs.jsonl", [pair(BAD, GOOD)])
    assert label_error(tmp_path, PROMPTS[1:], RULES)["pairs"] == 0


def test_answers_that_a_wrapper_dealt_a_fault_are_counted_among_all(tmp_path: Path) -> None:
    folder = tmp_path / "round-1"
    folder.mkdir()
    write_judgments(folder / "judgments.jsonl", [judgment(0, ""), judgment(1, TURNED), judgment(2, "other")])
    found = label_error(tmp_path, PROMPTS, RULES)
    assert (found["answers"], found["dealt"]) == (3, 1)
