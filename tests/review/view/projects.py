"""A project written by hand, as commands of ours leave it: a loop of two rounds, pairs, an evaluation, a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rlaif.exchange.completions import write_completions
from rlaif.exchange.judgments import write_judgments
from rlaif.exchange.measured import MeasuredAnswer, write_measured
from rlaif.exchange.pairs import write_pairs
from rlaif.records import (
    Completion,
    GenerateRequest,
    Generation,
    Judgment,
    Message,
    Pair,
    Prompt,
    Sampling,
    State,
    Usage,
)
from rlaif.store import Store, call_key

HOSTILE = [
    "<script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 2'>",
    "</pre></section></td></details><svg onload='window.owned = 3'>",
    '" onmouseover="window.owned = 6" autofocus onfocus="window.owned = 5" x="',
    "{{ 7331 * 7177 }}{% for x in range(9) %}owned{% endfor %}",
    "</style><style>body { display: none }</style><meta http-equiv=refresh content='0;url=http://evil.example'>",
]
COMPUTED = str(7331 * 7177)
FIRST, LAST = "b2:policy-first", "b2:policy-last"
CONSTITUTION = """
name: house
version: 1.1.0
title: How the house answers
principles:
  - id: greet
    text: The response greets the user.
    tests:
      - {prompt: Hi., better: Hello., worse: What?}
  - id: brief
    text: The response is brief.
    weight: 2.0
"""
OLDER = CONSTITUTION.replace("1.1.0", "1.0.0").replace("greets the user", "is polite")
JUDGE = {"name": "hf:org/judge", "fingerprint": "b2:judge"}
RULES = {"name": "house", "version": "1.1.0", "digest": "b2:rules"}


def text_turn(role: Any, content: str) -> tuple[Message, ...]:
    return (Message(role=role, content=content),)


def prompt(number: int, more: str = "") -> Prompt:
    return Prompt(
        messages=text_turn("user", f"question {number} {more}"), tags=("odd" if number % 2 else "even",)
    )


def row(number: int, gold: float, **changed: Any) -> dict[str, Any]:
    return {
        "round": number,
        "gold_mean": gold,
        "gold_greedy": gold,
        "gold_by_principle": {"greet": gold, "brief": 0.5},
        "judge_mean": gold / 2,
        "judge_accuracy_on_policy": 0.9,
        "kl": 0.3 * number,
        "length_mean": 20.0 + number,
        "pairs": 4 * number,
        "policy": LAST if number else FIRST,
        "against": {"initial": {"win_rate": 0.8, "low": 0.7, "high": 0.9, "wins": 8, "losses": 2, "even": 0}}
        if number
        else {},
    } | changed


def record(folder: Path, name: str, value: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(value), encoding="utf-8")


def loop(folder: Path, *, done: bool = True) -> Path:
    """A run of a recipe."""
    config = {
        "constitution": RULES,
        "models": {"policy": FIRST},
        "recipe": {
            "name": "self-rewarding",
            "rounds": 2,
            "models": {"policy": "hf:org/small", "judge": "previous"},
        },
    }
    claim = {"kind": "rlaif run", "command": "run", "config": config, "started": 1_790_000_000.0}
    record(folder, "claim.json", claim)
    (folder / "constitution.yaml").write_text(CONSTITUTION, encoding="utf-8")
    record(folder, "rounds.json", [row(0, 0.5), row(1, 0.625), row(2, 0.75)])
    for number in (1, 2):
        inside = folder / f"round-{number}"
        record(inside, "funnel.json", {"prompts": 8, "completions": 16, "kept": 4})
        asked(inside, 3)
    metrics = [{"step": step, "loss": 1 / step, "kl": 0.1 * step, "oddity": step} for step in (1, 2, 3)]
    inside = folder / "models" / "round-1"
    inside.mkdir(parents=True)
    (inside / "metrics.jsonl").write_text(
        "".join(f"{json.dumps(each)}\n" for each in metrics), encoding="utf-8"
    )
    if done:
        costs = {
            "currency": "USD",
            "models": {
                "hf:org/small": {
                    "calls": 1200,
                    "prompt_tokens": 30000,
                    "completion_tokens": 5000,
                    "cost": 1.25,
                }
            },
            "judges": {},
            "principles": {},
        }
        summary = {"rounds": 2, "costs": costs, "warnings": ["principle 'greet': this judge cannot apply it"]}
        record(
            folder,
            "run.json",
            {
                **claim,
                "status": "done",
                "finished": 1_790_000_125.0,
                "summary": summary,
                "versions": {"rlaif": "0.1.0"},
            },
        )
    return folder


def asked(folder: Path, count: int, more: str = "") -> list[Pair]:
    """Completions, judgments and pairs of some prompts, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn, said, pairs = [], [], []
    for number in range(count):
        one = prompt(number, more)
        both = [
            Completion(
                prompt_id=one.id,
                text=f"{side} {number} {more}",
                policy=FIRST,
                draw=draw,
                thought="let me see" if draw else "",
            )
            for draw, side in enumerate(("good", "bad"))
        ]
        drawn += [(one, each) for each in both]
        for draw, each in enumerate(both):
            readable = number != 2 or draw == 0
            said.append(
                Judgment(
                    protocol="checklist",
                    judge="b2:judge",
                    prompt_id=one.id,
                    completion_ids=(each.id,),
                    principle_id="greet",
                    state=State.SCORE if readable else State.UNREADABLE,
                    value=(0.1 if draw else 0.9) if readable else None,
                    calls=(f"b2:call-{number}-{draw}",),
                )
            )
        pairs.append(
            Pair(
                prompt=one.messages,
                chosen=both[0].turns,
                rejected=both[1].turns,
                label_prob=0.6 + 0.1 * (number % 4),
                order_consistent=number != 1,
                principles=({"id": "greet", "p": 0.9},),
                round=1,
                critique=f"not so {more}",
                provenance={"judge": "b2:judge", "calls": [f"b2:call-{number}-0"]},
            )
        )
    write_completions(folder / "completions.jsonl", drawn)
    write_judgments(folder / "judgments.jsonl", said)
    write_pairs(folder / "pairs.jsonl", pairs)
    return pairs


def generated(folder: Path, count: int = 4, more: str = "", **summary: Any) -> Path:
    """A run of `rlaif generate`."""
    config = {
        "constitution": RULES,
        "judge": JUDGE,
        "policies": [{"name": "hf:org/small", "fingerprint": FIRST}],
    }
    claim = {"kind": "rlaif run", "command": "generate", "config": config, "started": 1_790_001_000.0}
    record(folder, "claim.json", claim)
    (folder / "constitution.yaml").write_text(OLDER, encoding="utf-8")
    asked(folder, count, more)
    told = {
        "pairs": count,
        "prompts": count,
        "pair_share": 1.0,
        "funnel": {"prompts": count, "completions": 2 * count, "kept": count},
        "principles": {"greet": {"compared": 4, "told_apart": 3, "order_consistency": 0.75, "unread": 1}},
        "tests": {"greet": {"tests": 3, "passed": 2}},
    }
    record(
        folder,
        "run.json",
        {**claim, "status": "done", "finished": 1_790_001_010.0, "summary": told | summary},
    )
    return folder


def evaluated(folder: Path) -> Path:
    """A run of `rlaif evaluate`."""
    config = {
        "judge": "micro",
        "policy": "models/new",
        "against": ["micro"],
        "models": {"micro": FIRST, "models/new": LAST},
    }
    claim = {"kind": "rlaif run", "command": "evaluate", "config": config, "started": 1_790_002_000.0}
    rate = {
        "against": "micro",
        "win_rate": 0.3,
        "low": 0.2,
        "high": 0.4,
        "wins": 3,
        "losses": 7,
        "even": 0,
        "failed": 0,
    }
    gold = {
        name: {"mean": mean, "low": mean - 0.1, "high": mean + 0.1, "by_principle": {"greet": mean}}
        for name, mean in (("models/new", 0.4), ("micro", 0.6))
    }
    summary = {"policy": "models/new", "judge": "micro", "prompts": 10, "win_rates": [rate], "gold": gold}
    record(folder, "claim.json", claim)
    record(folder, "run.json", {**claim, "status": "done", "finished": 1_790_002_005.0, "summary": summary})
    return folder


def measured(folder: Path, count: int = 3, models: tuple[str, ...] = ("models/new", "micro")) -> None:
    """What was read of held-out answers, beside the completions of an evaluation."""
    rows, said = [], []
    for number in range(count):
        one = prompt(number, "held out")
        both = [
            Completion(prompt_id=one.id, text=f"answer of {name} to {number}", policy=policy)
            for name, policy in zip(models, (LAST, FIRST), strict=False)
        ]
        for name, each in zip(models, both, strict=False):
            gold = {"greet": 1.0, "brief": 0.0 if number == 0 else 1.0}
            beats = {"micro": (0.0, 0.5, 1.0)[number % 3]} if name == models[0] else {}
            rows.append(MeasuredAnswer(model=name, prompt=one, answer=each, gold=gold, beats=beats))
        if len(both) == 2:
            said.append(
                Judgment(
                    protocol="compare",
                    judge="b2:judge",
                    prompt_id=one.id,
                    completion_ids=(both[0].id, both[1].id),
                    principle_id="greet",
                    state=State.PREFERENCE,
                    value=0.9,
                    calls=(f"b2:compared-{number}",),
                )
            )
    folder.mkdir(parents=True, exist_ok=True)
    write_measured(folder / "measured.jsonl", rows)
    if said:
        write_completions(folder / "completions.jsonl", [(each.prompt, each.answer) for each in rows])
        write_judgments(folder / "comparisons.jsonl", said)


def trained(folder: Path) -> Path:
    """A directory of `rlaif train`."""
    record(
        folder,
        "train.json",
        {
            "method": "dpo",
            "steps": 2,
            "figures": {"loss": 0.25},
            "seconds": 30,
            "base": "hf:org/small",
            "weights": LAST,
            "card": {"run": "gen", "judge": "hf:org/judge (b2:judge)"},
        },
    )
    (folder / "metrics.jsonl").write_text(
        '{"step": 1, "loss": 0.7}\n{"step": 2, "loss": 0.25}\n', encoding="utf-8"
    )
    return folder


def project(folder: Path) -> Path:
    """All of them, with a store that holds greedy answers of both policies."""
    loop(folder / "runs" / "loop")
    generated(folder / "runs" / "gen")
    measured(evaluated(folder / "runs" / "eval"))
    trained(folder / "models" / "gen")
    (folder / "constitutions").mkdir()
    (folder / "constitutions" / "house.yaml").write_text(CONSTITUTION, encoding="utf-8")
    answered(folder / ".rlaif" / "store.sqlite", {FIRST: "before", LAST: "after"})
    return folder


def answered(store: Path, answers: dict[str, str], count: int = 4) -> list[str]:
    """Greedy answers of policies to the same prompts, in a store; returns the keys of the calls."""
    keys = []
    with Store.open(store) as held:
        for policy, word in answers.items():
            for number in range(count):
                request = GenerateRequest(
                    id=f"r{number}",
                    messages=prompt(number).messages,
                    sampling=Sampling(temperature=0.0),
                    seed=7,
                )
                key = call_key(policy, request)
                reply = Generation(
                    request_id=f"r{number}",
                    text=f"{word} {number}",
                    finish="stop",
                    usage=Usage(prompt_tokens=11, completion_tokens=3),
                )
                held.put_many(policy, [(key, request, reply)], run_id="b2:run")
                keys.append(key)
    return keys
