"""The bundled prompt sets: prompts to train on and kept for evaluation, sums, answers, judge examples."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

from rlaif.hashing import derived_seed
from rlaif.microworld.corpus import row
from rlaif.microworld.draws import LabelNoise, WorldDraw
from rlaif.microworld.language import write, write_good
from rlaif.microworld.pair_skills import comparisons as told_apart
from rlaif.microworld.rows import ASSISTANT, END, PackedRow
from rlaif.microworld.scenes import KINDS, Scene, Split, make_scene
from rlaif.microworld.sentences import Rule
from rlaif.microworld.thoughts import write_thoughtful

TRAIN_PROMPTS, HELD_OUT_PROMPTS, JUDGE_EXAMPLES, ANSWERED_PROMPTS = 1200, 300, 2400, 400
SUMS, HELD_OUT_SUMS, THOUGHTS, COMPARISONS = 400, 100, 400, 800
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


def sums(split: Split, count: int, seed: int) -> list[dict[str, object]]:
    """Distinct sums of a split, each with its result."""
    rng = random.Random(derived_seed("sums", split, seed))
    found: dict[str, Scene] = {}
    while len(found) < count:
        made = make_scene(rng, split, "sum")
        found.setdefault(made.text, made)
    return [
        {"prompt": each.text, "tags": list(each.tags), "gold": "micro", "result": sum(each.numbers)}
        for each in found.values()
    ]


def thoughtful(count: int, seed: int) -> Iterator[dict[str, object]]:
    """The first prompts to train on, each with an answer as the plain policy writes it, behind a thought."""
    for scene in scenes("train", count, seed):
        rng = random.Random(derived_seed("thoughts", scene.text, seed))
        said = write_thoughtful(scene, rng)
        yield {"prompt": scene.text, "tags": list(scene.tags), "gold": "micro", "answer": said.text}


def comparisons(split: Split, count: int, seed: int) -> Iterator[dict[str, object]]:
    """Prompts with two answers of the plain policy, and a rule by which gold finds one of them better.

    The rules are composed: two verbs, negations, conditions. The bundled judge knows them where it names a letter, and
    has never reasoned about them.
    """
    for scene in scenes(split, count, seed):
        rng = random.Random(derived_seed("comparisons", scene.text, seed))
        draw = WorldDraw(rng, "composed", split, LabelNoise())
        found: list[tuple[str, Rule, list[bool]]] = []
        while not found:
            texts = [write(scene, rng), write(scene, rng)]
            found = told_apart(draw, scene, texts, 1, ties=0.0)
        rule, _, (first, _) = found[0]
        better, worse = texts if first else texts[::-1]
        row: dict[str, object] = {"prompt": scene.text, "tags": list(scene.tags), "gold": "micro"}
        yield row | {"better": better, "worse": worse, "principle": rule}


def write_sets(folder: Path, seed: int = 0) -> None:
    """Write all sets, each as micro-NAME.jsonl."""
    wanted: tuple[tuple[Split, int], ...] = (("train", TRAIN_PROMPTS), ("held-out", HELD_OUT_PROMPTS))
    for split, count in wanted:
        rows: list[dict[str, object]] = [
            {"prompt": scene.text, "tags": list(scene.tags), "gold": "micro"}
            for scene in scenes(split, count, seed)
        ]
        _write(folder / f"micro-{split}.jsonl", rows)
    _write(folder / "micro-judge.jsonl", list(judge_examples(JUDGE_EXAMPLES, seed)))
    _write(folder / "micro-answers.jsonl", list(answered(ANSWERED_PROMPTS, seed)))
    _write(folder / "micro-sums.jsonl", sums("train", SUMS, seed))
    _write(folder / "micro-sums-held-out.jsonl", sums("held-out", HELD_OUT_SUMS, seed))
    _write(folder / "micro-comparisons.jsonl", list(comparisons("train", COMPARISONS, seed)))
    _write(folder / "micro-thoughts.jsonl", list(thoughtful(THOUGHTS, seed)))


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows), encoding="utf-8")
