"""Metrics of a model as critic and reviser, and of every other skill."""

from __future__ import annotations

import numpy as np

from rlaif.constitution import load_constitution
from rlaif.microworld.attributes import BY_ID
from rlaif.microworld.bench import Bench, BenchComparison, gold_of
from rlaif.microworld.draws import rule_of_form
from rlaif.microworld.edits import edit
from rlaif.microworld.gold import grade_rule, read_prompt, truths
from rlaif.microworld.pair_skills import does
from rlaif.microworld.rows import ask
from rlaif.microworld.scenes import Scene, make_scene
from rlaif.microworld.sentences import Form, Rule, fact, read_rule
from rlaif.records import Message
from rlaif.templates import numbered


def critic(bench: Bench, scenes: list[Scene], answers: list[list[str]]) -> dict[str, float]:
    """Measure critiques: the share that names a true fault, and that of a critique drawn at random."""
    rng = bench.rng("critic")
    asked, contents = [], []
    for scene, texts in zip(scenes, answers, strict=True):
        for text in texts[:2]:
            known = truths(scene.text, text)
            names = rng.sample(list(known), 4)
            wanted = {name: rng.random() < 0.6 for name in names}
            if all(known[name] == wanted[name] for name in names):
                continue
            rules = [
                rule_of_form(rng, "positive" if want else "negative", scene, name, False)[0]
                for name, want in wanted.items()
            ]
            asked.append((known, wanted))
            contents.append(ask("critique", prompt=scene.text, response=text, principles=numbered(rules)))
    right, chance = [], []
    for (known, wanted), said in zip(asked, bench.ask(contents), strict=True):
        faults = {fact(name, known[name]) for name in wanted if known[name] != wanted[name]}
        right.append(said.strip() in faults)
        chance.append(len(faults) / len(wanted))
    return {"right_fault": float(np.mean(right)), "chance": float(np.mean(chance)), "asked": len(right)}


def reviser(bench: Bench, scenes: list[Scene], answers: list[list[str]]) -> dict[str, float]:
    """For faults that can be repaired: how often the revision repairs it, and how often it breaks another attribute."""
    rng = bench.rng("reviser")
    asked, contents = [], []
    for scene, texts in zip(scenes, answers, strict=True):
        for text in texts[:2]:
            known = truths(scene.text, text)
            name = rng.choice(list(known))
            if edit(scene, text, name, not known[name]) is None:
                continue
            rule = rule_of_form(rng, "negative" if known[name] else "positive", scene, name, False)[0]
            asked.append((scene, known, name))
            contents.append(
                ask(
                    "revise",
                    prompt=scene.text,
                    response=text,
                    critique=fact(name, known[name]),
                    principle=rule,
                )
            )
    repaired, broke = [], []
    for (scene, known, name), revised in zip(asked, bench.ask(contents), strict=True):
        now = truths(scene.text, revised)
        repaired.append(now[name] != known[name])
        good = [other for other in known if other != name and known[other] == BY_ID[other].wanted]
        broke.append(any(now[other] != known[other] for other in good))
    return {"repaired": float(np.mean(repaired)), "broke_other": float(np.mean(broke)), "asked": len(asked)}


def skills(bench: Bench, scenes: list[Scene], answers: list[list[str]]) -> dict[str, float]:
    """Measure the other skills (rules in the system turn, ranking ...), each by its share of right outputs."""
    return {
        "respond_constitution": _under_rules(bench, scenes),
        "respond_good_bad": _good_bad(bench, scenes),
        **_pair_skills(bench, scenes, answers),
        "rank": _rank(bench, scenes, answers),
        "step": _step(bench),
        "similar_prompt": _similar(bench, scenes),
    }


def _under_rules(bench: Bench, scenes: list[Scene]) -> float:
    """Share of the rules of the system turn that the greedy response follows."""
    rng = bench.rng("rules")
    turns, rules_of = [], []
    for scene in scenes:
        names = rng.sample(list(truths(scene.text, "")), 3)
        rules = [
            rule_of_form(rng, rng.choice(("positive", "negative")), scene, name, False)[0] for name in names
        ]
        system = ask("system-constitution", principles=numbered(rules))
        turns.append([Message(role="system", content=system), Message(role="user", content=scene.text)])
        rules_of.append(rules)
    texts = bench.write(turns, 1.0, "rules")
    return float(
        np.mean(
            [
                grade_rule(rule, scene.text, text) is True
                for scene, rules, text in zip(scenes, rules_of, texts, strict=True)
                for rule in rules
            ]
        )
    )


def _good_bad(bench: Bench, scenes: list[Scene]) -> float:
    """How often the response under "good" has higher gold than the one under "bad"."""
    constitution = load_constitution("micro-default")
    sides = []
    for name in ("system-good", "system-bad"):
        system = Message(role="system", content=ask(name))
        texts = bench.write([[system, Message(role="user", content=s.text)] for s in scenes], 1.0, name)
        sides.append([gold_of(constitution, scene, text) for scene, text in zip(scenes, texts, strict=True)])
    return float(np.mean(np.array(sides[0]) > np.array(sides[1])))


def _simple_questions(
    bench: Bench, scenes: list[Scene], answers: list[list[str]], part: str
) -> list[BenchComparison]:
    rng = bench.rng(part)
    found = []
    for scene, texts in zip(scenes, answers, strict=True):
        names = [n for n in truths(scene.text, "") if len({truths(scene.text, t)[n] for t in texts[:2]}) == 2]
        if not names:
            continue
        name = rng.choice(names)
        has_first = truths(scene.text, texts[0])[name]
        form: Form = rng.choice(("positive", "negative"))
        rule = rule_of_form(rng, form, scene, name, False)[0]
        found.append(
            BenchComparison(scene, texts[0], texts[1], rule, has_first == (form == "positive"), name)
        )
    return found


def _pair_skills(bench: Bench, scenes: list[Scene], answers: list[list[str]]) -> dict[str, float]:
    questions = _simple_questions(bench, scenes, answers, "pair-skills")
    rng = bench.rng("sides")
    slots = [
        {"prompt": q.scene.text, "response_a": q.first, "response_b": q.second, "principle": q.rule}
        for q in questions
    ]
    cot = bench.ask([ask("compare-cot", **slot) for slot in slots])
    sides = [rng.choice("AB") for _ in questions]
    argued = bench.ask([ask("argue", **slot, side=side) for slot, side in zip(slots, sides, strict=True)])
    judged = bench.labels(
        [ask("meta", **slot, judgment=side) for slot, side in zip(slots, sides, strict=True)], ("yes", "no")
    )
    return {
        "compare_cot": float(np.mean([
            said.strip().endswith(f"Answer: {'A' if q.first_better else 'B'}")
            for said, q in zip(cot, questions, strict=True)
        ])),
        "argue": float(np.mean([
            said.strip() == f"Response {side} is better because it {_clause(q.rule)}."
            for said, side, q in zip(argued, sides, questions, strict=True)
        ])),
        "meta": float(np.mean([
            (p > 0.5) == ((side == "A") == q.first_better)
            for p, side, q in zip(judged[:, 0].tolist(), sides, questions, strict=True)
        ])),
    }  # fmt: skip


def _clause(rule: str) -> str:
    read = read_rule(rule)
    assert isinstance(read, Rule)
    return does(*read.parts[0])


def _rank(bench: Bench, scenes: list[Scene], answers: list[list[str]]) -> float:
    """Share of (follows, does not) pairs of four answers that the ranking puts in the right order."""
    rng = bench.rng("rank")
    contents, values = [], []
    for scene, texts in zip(scenes, answers, strict=True):
        four = texts[:4]
        names = [n for n in truths(scene.text, "") if len({truths(scene.text, t)[n] for t in four}) == 2]
        if not names:
            continue
        name = rng.choice(names)
        rule = rule_of_form(rng, "positive", scene, name, False)[0]
        slots = {f"response_{letter}": text for letter, text in zip("abcd", four, strict=True)}
        contents.append(ask("rank", prompt=scene.text, **slots, principle=rule))
        values.append([truths(scene.text, text)[name] for text in four])
    hits = []
    for said, value in zip(bench.ask(contents), values, strict=True):
        order = said.split()
        if sorted(order) != list("ABCD"):
            hits += [False] * (sum(value) * (4 - sum(value)))
            continue
        place = {letter: order.index(letter) for letter in "ABCD"}
        hits += [
            place["ABCD"[i]] < place["ABCD"[j]]
            for i in range(4) for j in range(4) if value[i] and not value[j]
        ]  # fmt: skip
    return float(np.mean(hits))


def _step(bench: Bench) -> float:
    rng = bench.rng("step")
    contents, right = [], []
    for index in range(120):
        scene = make_scene(rng, "held-out", "sum")
        first, second = scene.numbers
        part = rng.randint(1, second - 1)
        wrong = 0 if index % 2 else rng.choice([-2, -1, 1, 2])
        contents.append(
            ask("step", prompt=scene.text, steps=f"{first} plus {part} is {first + part + wrong}.")
        )
        right.append(wrong == 0)
    yes = bench.labels(contents, ("yes", "no"))[:, 0] > 0.5
    return float(np.mean(yes == np.array(right)))


def _similar(bench: Bench, scenes: list[Scene]) -> float:
    """Share of generated prompts that parse, are of the same kind, and are not copies."""
    contents = [ask("similar-prompt", prompt=scene.text) for scene in scenes]
    said = bench.write([[Message(role="user", content=each)] for each in contents], 1.0, "similar")
    kinds = {"howto", "harmful", "sum", "claim", "personal"}
    return float(
        np.mean([
            read_prompt(text).tags & kinds == set(scene.tags) & kinds and text != scene.text
            for scene, text in zip(scenes, said, strict=True)
        ])
    )  # fmt: skip
