"""Debate with verified quotes (2402.06782): accuracy of a judge that sees quotes alone, by who has chosen them.

    python benchmarks/experiments/debate.py

`micro` answers held-out prompts; gold says which of two answers follows a principle. `blind`: the judge sees the
prompt and no word of the answers, and says the same of both. `consultancy`: one advocate, of the right side by a coin,
quotes from its side, and is believed where the quote follows the principle by itself; `compared`: it quotes from the
other answer too, and the judge compares. `debate`: both quote, and the judge compares; `scored`: it adds up how far
each quote follows the principle. `whole`: the judge reads the answers. An advocate chooses among `k` passages, drawn by
chance: the larger k, the more persuasive it is.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from judge_world import Question, drawn, judge_of, prompts, rules, some, told_apart
from micro_pool import bundled
from results import Results, options

from rlaif.hashing import derived_seed
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocols.debate_quotes import Quoted, passages, quoted, standing
from rlaif.records import Completion
from rlaif.store import Store

SAID = (1, 2, 4, 12)
"""Passages among which an advocate chooses."""
NOTHING = "I say so."


def questions(store: Store, count: int, seed: int) -> list[Question]:
    """One principle by which gold tells two answers apart, of each prompt that has one."""
    found = drawn(store, "micro", prompts("held-out", count, 500 + seed), 2, seed)
    by_prompt: dict[str, list[Any]] = {}
    for prompt, said in found:
        by_prompt.setdefault(prompt.id, []).append((prompt, said))
    return [
        each
        for own in by_prompt.values()
        if len(own) == 2
        for each in some(told_apart(own[0][0], own[0][1], own[1][1], rules()), 1, seed, own[0][0].id)
    ]


def verdict(judge: ModelJudge, each: Question, better: str, worse: str) -> float | None:
    """P(the better answer), over both orders, of two texts in the place of the answers."""
    sides = [replace(side, text=text) for side, text in ((each.better, better), (each.worse, worse))]
    if sides[0].text == sides[1].text:
        return 0.5
    said = judge.compare([(each.prompt, sides[0], sides[1])], [each.principle])
    values = [
        None if one.value is None else one.value if place == 0 else 1 - one.value
        for place, one in enumerate(said)
    ]
    return None if None in values else float(np.mean([each or 0.0 for each in values]))


def scores(judge: ModelJudge, each: Question, side: Completion) -> dict[str, float]:
    """P(follows the principle) of each passage."""
    pieces = [replace(side, text=text) for text in passages(side.text)]
    said = judge.checklist([(each.prompt, piece) for piece in pieces], [each.principle])
    return {piece.text: one.value for piece, one in zip(pieces, said, strict=True) if one.value is not None}


def together(said: Quoted) -> str:
    """Both quotes as one text; a passage that both advocates quote stands once."""
    return " ".join(dict.fromkeys(said))


def figures(judge: ModelJudge, found: list[Question], seed: int) -> dict[str, float]:
    """Accuracy by form; a verdict of one half is half right."""
    heard: dict[str, list[float]] = {}

    def note(form: str, p: float | None) -> None:
        heard.setdefault(form, []).append(0.5 if p is None or p == 0.5 else float(p > 0.5))

    for each in found:
        rng = random.Random(derived_seed("debate", seed, each.better.id, each.principle.id))
        own = [scores(judge, each, side) for side in (each.better, each.worse)]
        right = rng.random() < 0.5
        note("whole", verdict(judge, each, each.better.text, each.worse.text))
        note("blind", verdict(judge, each, NOTHING, NOTHING))
        for k in SAID:
            some_of = [dict(rng.sample(list(one.items()), min(k, len(one)))) for one in own]
            better, worse = (quoted(one) for one in some_of)
            note(f"debate, {k}", verdict(judge, each, together(better), together(worse)))
            note(f"debate, scored, {k}", 0.5 + (standing(some_of[0]) - standing(some_of[1])) / 4)
            texts = (better.best, worse.worst) if right else (better.worst, worse.best)
            note(f"consultancy, compared, {k}", verdict(judge, each, *texts))
            # the judge believes the advocate where its quote follows the principle by itself
            believed = some_of[0][better.best] if right else 1 - some_of[1][worse.best]
            note(f"consultancy, {k}", believed)
    return {name: float(np.mean(values)) for name, values in heard.items()}


def main() -> None:
    """Three seeds."""
    parser = options(__doc__)
    for name, value in (("prompts", 40), ("seeds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    chosen.work = Path(chosen.work).resolve()
    chosen.work.mkdir(parents=True, exist_ok=True)
    results = Results("debate", {"prompts": chosen.prompts, "models": bundled()}, chosen.results)
    with Store.open(chosen.work / "debate.sqlite") as store:
        for seed in range(chosen.seeds):

            def row(seed: int = seed) -> dict[str, Any]:
                found = questions(store, chosen.prompts, seed)
                return {"questions": len(found), **figures(judge_of(store, "micro"), found, seed)}

            results.row({"seed": seed}, row)
    rows = [row for row in results.rows.values() if row["seed"] < chosen.seeds]
    most = SAID[-1]
    note = (
        "three settings: quotes compared against a consultant whose quotes are compared "
        "(`debate`, `consultancy, compared`), against one who is believed by his quote, and quotes scored one by one"
    )
    for better, worse in (("debate, scored", "consultancy"), ("consultancy", "blind")):
        against = worse if worse == "blind" else f"{worse}, {most}"
        results.criterion(
            method="Debate",
            criterion=f"{better} is more often right than {worse} (difference of accuracy)",
            values=[row[f"{better}, {most}"] - row[against] for row in rows],
            rule="above 0",
            model="micro",
            note=note,
        )
    results.criterion(
        method="Debate",
        criterion="the more passages advocates choose among, the more often the judge is right (slope a doubling)",
        values=[
            float(np.polyfit(np.log2(SAID), [row[f"debate, scored, {k}"] for k in SAID], 1)[0])
            for row in rows
        ],
        rule="above 0",
        model="micro",
        note=note,
    )
    names = [name for name in rows[0] if name not in ("seed", "questions")]
    results.save(accuracy={name: float(np.mean([row[name] for row in rows])) for name in names})


if __name__ == "__main__":
    main()
