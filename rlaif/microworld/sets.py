"""The bundled prompt sets: prompts to train on, some with answers, prompts kept for evaluation, and judge examples."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

from rlaif.hashing import derived_seed
from rlaif.microworld.corpus import row
from rlaif.microworld.language import write_good
from rlaif.microworld.rows import ASSISTANT, END, PackedRow
from rlaif.microworld.scenes import KINDS, Scene, Split, make_scene

TRAIN_PROMPTS, HELD_OUT_PROMPTS, JUDGE_EXAMPLES, ANSWERED_PROMPTS = 1200, 300, 2400, 400
_JUDGE_SKILLS = ("checklist", "compare")


def scenes(split: Split, count: int, seed: int) -> list[Scene]:
    """Distinct scenes of a split, kinds in turn."""
    rng = random.Random(derived_seed("sets", split, seed))
    found: dict[str, Scene] = {}
    while len(found) < count:
        made = make_scene(rng, split, KINDS[len(found) % len(KINDS)])
        found.setdefault(made.text, made)
    return list(found.values())


def judge_examples(count: int, seed: int) -> Iterator[dict[str, object]]:
    """Conversations with a judge's right answer, about training tasks only; yes/no and pairs in turn."""
    rng = random.Random(derived_seed("judge-examples", seed))
    for number in range(count):
        made: PackedRow = row(_JUDGE_SKILLS[number % 2], rng, "composed", "train")
        shown, answer = rng.choice(made.endings)
        content = (made.prefix + shown).removeprefix("<|user|>").removesuffix(END + ASSISTANT)
        turns = [
            {"role": "user", "content": content},
            {"role": "assistant", "content": answer.removesuffix(END)},
        ]
        yield {"kind": "judge", "messages": turns}


def answered(count: int, seed: int) -> Iterator[dict[str, object]]:
    """The first prompts to train on, each with an answer as a good one is written in the microworld."""
    for scene in scenes("train", count, seed):
        rng = random.Random(derived_seed("answers", scene.text, seed))
        yield {
            "prompt": scene.text,
            "tags": list(scene.tags),
            "gold": "micro",
            "answer": write_good(scene, rng, True),
        }


def write_sets(folder: Path, seed: int = 0) -> None:
    """Write micro-train.jsonl, micro-held-out.jsonl, micro-judge.jsonl and micro-answers.jsonl."""
    wanted: tuple[tuple[Split, int], ...] = (("train", TRAIN_PROMPTS), ("held-out", HELD_OUT_PROMPTS))
    for split, count in wanted:
        rows: list[dict[str, object]] = [
            {"prompt": scene.text, "tags": list(scene.tags), "gold": "micro"}
            for scene in scenes(split, count, seed)
        ]
        _write(folder / f"micro-{split}.jsonl", rows)
    _write(folder / "micro-judge.jsonl", list(judge_examples(JUDGE_EXAMPLES, seed)))
    _write(folder / "micro-answers.jsonl", list(answered(ANSWERED_PROMPTS, seed)))


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows), encoding="utf-8")
