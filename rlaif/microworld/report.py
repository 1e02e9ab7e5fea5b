"""Measures every skill of a model of the family on held-out material; figures only, no opinions."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlaif.constitution import applies, load_constitution
from rlaif.engines.open import open_engine
from rlaif.hashing import derived_seed
from rlaif.microworld.attributes import ATTRIBUTES, BY_ID
from rlaif.microworld.corpus import ask, does, rule_of_form
from rlaif.microworld.edits import edit
from rlaif.microworld.gold import follows, grade_rule, read_prompt, truths
from rlaif.microworld.language import KINDS, Scene, make_scene
from rlaif.microworld.recognize import in_language
from rlaif.microworld.sentences import Form, Rule, compose, fact, read_rule
from rlaif.records import Constitution, Engine, GenerateRequest, Message, Sampling, ScoreRequest
from rlaif.templates import numbered

SAMPLES = 8
_COMPOSED: tuple[Form, ...] = ("negative", "both", "but-not", "if", "if-not")


@dataclass(frozen=True, slots=True)
class Question:
    """Two answers to one scene, a rule, and whether the first follows it better."""

    scene: Scene
    first: str
    second: str
    rule: str
    first_better: bool
    attribute: str


@dataclass(frozen=True, slots=True)
class _Bench:
    engine: Engine
    seed: int

    def rng(self, part: str) -> random.Random:
        return random.Random(derived_seed("report", part, self.seed))

    def write(
        self, turns: Sequence[Sequence[Message]], temperature: float = 0.0, part: str = ""
    ) -> list[str]:
        """One text a conversation, in order."""
        sampling = Sampling(temperature=temperature, max_tokens=160)
        requests = [
            GenerateRequest(
                id=str(index), messages=tuple(each), sampling=sampling,
                seed=derived_seed("report", part, self.seed, index),
            )
            for index, each in enumerate(turns)
        ]  # fmt: skip
        texts = {each.request_id: each.text for each in self.engine.generate(requests)}
        return [texts[str(index)] for index in range(len(turns))]

    def ask(self, contents: Sequence[str]) -> list[str]:
        """Greedy answers to single user turns."""
        return self.write([[Message(role="user", content=each)] for each in contents])

    def labels(self, contents: Sequence[str], labels: Sequence[str]) -> np.ndarray[Any, Any]:
        """Probabilities of the labels, renormalised; shape (contents, labels)."""
        requests = [
            ScoreRequest(
                id=str(index), messages=(Message(role="user", content=each),), continuations=tuple(labels)
            )
            for index, each in enumerate(contents)
        ]
        rows = {each.request_id: each.logprobs for each in self.engine.score(requests)}
        logs = np.array([rows[str(index)] for index in range(len(contents))]).reshape(
            len(contents), len(labels)
        )
        odds = np.exp(logs - logs.max(axis=1, keepdims=True))
        found: np.ndarray[Any, Any] = odds / odds.sum(axis=1, keepdims=True)
        return found

    def prefer(self, questions: Sequence[Question]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """P(first better) shown first, and shown second (already turned back)."""
        contents = [_compare(q, swapped) for q in questions for swapped in (False, True)]
        shown = self.labels(contents, ("A", "B"))[:, 0].reshape(-1, 2)
        return shown[:, 0], 1 - shown[:, 1]


def _compare(question: Question, swapped: bool) -> str:
    first, second = (question.second, question.first) if swapped else (question.first, question.second)
    return ask(
        "compare", prompt=question.scene.text, response_a=first, response_b=second, principle=question.rule
    )  # fmt: skip


def report(
    model: str = "micro", seed: int = 0, prompts: int = 160, per_attribute: int = 40
) -> dict[str, Any]:
    """Nested figures of `model` (a bundled name or a directory): policy, judge, critic, reviser, skills, gap."""
    bench = _Bench(open_engine(model), seed)
    constitution = load_constitution("micro-default")
    scenes, answers = _samples(bench, prompts)
    found: dict[str, Any] = {"model": model, "seed": seed, "prompts": prompts}
    found["policy"] = _policy(scenes, answers, constitution)
    found["judge"], rows = _judge(bench, scenes, answers, per_attribute)
    found["gap"] = _gap(bench, scenes, answers, constitution)
    found["critic"] = _critic(bench, scenes, answers)
    found["reviser"] = _reviser(bench, scenes, answers)
    found["skills"] = _skills(bench, scenes, answers)
    found["attributes"] = {
        name: {"share": found["policy"]["by_attribute"].get(name), **row} for name, row in rows.items()
    }
    return found


def pair_accuracy(model: str, seed: int = 0, prompts: int = 60, per_attribute: int = 12) -> float:
    """The report's `judge.pair_accuracy` alone, on fewer prompts."""
    bench = _Bench(open_engine(model), seed)
    scenes, answers = _samples(bench, prompts)
    questions, rng = [], bench.rng("judge")
    for attribute in ATTRIBUTES:
        pairs = _pairs_of(scenes, answers, attribute.id, per_attribute, rng)
        questions += _questions(pairs, attribute.id, rng, _maker(attribute.id, "positive", False, rng))
    return float(np.mean(_right(questions, bench.prefer(questions))))


def _samples(bench: _Bench, prompts: int) -> tuple[list[Scene], list[list[str]]]:
    """Held-out scenes, kinds in turn, and the policy's own draws at temperature 1."""
    rng = bench.rng("scenes")
    scenes = [make_scene(rng, "held-out", KINDS[index % len(KINDS)]) for index in range(prompts)]
    turns = [[Message(role="user", content=scene.text)] for scene in scenes for _ in range(SAMPLES)]
    texts = bench.write(turns, 1.0, "samples")
    return scenes, [texts[index * SAMPLES : (index + 1) * SAMPLES] for index in range(prompts)]


def gold_of(constitution: Constitution, scene: Scene, text: str) -> float:
    """Mean over applicable principles."""
    grades = [
        grade_rule(each.text, scene.text, text)
        for each in constitution.principles
        if applies(each, scene.prompt)
    ]
    return float(np.mean([grade for grade in grades if grade is not None]))


def _policy(scenes: list[Scene], answers: list[list[str]], constitution: Constitution) -> dict[str, Any]:
    by_attribute: dict[str, list[bool]] = {each.id: [] for each in ATTRIBUTES}
    for scene, texts in zip(scenes, answers, strict=True):
        for text in texts:
            for name, value in truths(scene.text, text).items():
                by_attribute[name].append(value)
    flat = [(scene, text) for scene, texts in zip(scenes, answers, strict=True) for text in texts]
    return {
        "gold_mean": float(np.mean([gold_of(constitution, scene, text) for scene, text in flat])),
        "in_language": float(np.mean([in_language(text) for _, text in flat])),
        "sentences_mean": float(np.mean([text.count(".") + text.count("?") for _, text in flat])),
        "by_attribute": {name: float(np.mean(values)) for name, values in by_attribute.items() if values},
    }


def _pairs_of(
    scenes: list[Scene], answers: list[list[str]], attribute: str, count: int, rng: random.Random
) -> list[tuple[Scene, str, str]]:
    """(scene, the one that has the attribute, the one that lacks it); in half of them the one that has it is longer."""
    longer: list[tuple[Scene, str, str]] = []
    shorter: list[tuple[Scene, str, str]] = []
    for scene, texts in zip(scenes, answers, strict=True):
        known = [truths(scene.text, text).get(attribute) for text in texts]
        having = [text for text, value in zip(texts, known, strict=True) if value]
        lacking = [text for text, value in zip(texts, known, strict=True) if value is False]
        for has in having:
            for lacks in lacking:
                (longer if len(has) > len(lacks) else shorter).append((scene, has, lacks))
    rng.shuffle(longer)
    rng.shuffle(shorter)
    half = min(count // 2, len(longer), len(shorter))
    found = longer[:half] + shorter[:half]
    rng.shuffle(found)  # whoever takes the first few of them takes both lengths
    return found


def _questions(
    found: Sequence[tuple[Scene, str, str]], attribute: str, rng: random.Random, make: Callable[[Scene], str]
) -> list[Question]:
    """Questions with balanced slots; a rule under which the two do not differ is drawn again or left out."""
    questions = []
    for index, (scene, has, lacks) in enumerate(found):
        for _ in range(12):
            rule = make(scene)
            first = grade_rule(rule, scene.text, has)
            if first is not None and first != grade_rule(rule, scene.text, lacks):
                a, b = (has, lacks) if index % 2 else (lacks, has)
                questions.append(Question(scene, a, b, rule, (a == has) == first, attribute))
                break
    return questions


def _judge(
    bench: _Bench, scenes: list[Scene], answers: list[list[str]], count: int
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    rng = bench.rng("judge")
    sets: dict[str, list[Question]] = {"plain": [], "phrased": [], "composed": [], "opposite": []}
    for attribute in ATTRIBUTES:
        name = attribute.id
        pairs = _pairs_of(scenes, answers, name, count, rng)
        trained = _maker(name, "positive", False, rng)
        sets["plain"] += (plain := _questions(pairs, name, rng, trained))
        sets["opposite"] += [_opposite(question, rng) for question in plain]
        sets["phrased"] += _questions(pairs, name, rng, _maker(name, "positive", True, rng))
        for form in _COMPOSED:
            part = pairs[: max(4, count // 5)]
            sets["composed"] += _questions(part, name, rng, _maker(name, form, True, rng))
    shown = {key: bench.prefer(questions) for key, questions in sets.items()}
    right = {key: _right(sets[key], shown[key]) for key in sets}
    rows = {
        each.id: _row(bench, each.id, sets["plain"], right["plain"], scenes, answers, count)
        for each in ATTRIBUTES
    }
    first, second = shown["plain"]
    flips = (np.mean(shown["plain"], axis=0) > 0.5) != (np.mean(shown["opposite"], axis=0) > 0.5)
    longer = [(len(q.first) > len(q.second)) == q.first_better for q in sets["plain"]]
    accuracies = [row["pair_accuracy"] for row in rows.values() if row["pair_accuracy"] is not None]
    return {
        "pair_accuracy": float(np.mean(right["plain"])),
        "pair_accuracy_min": float(min(accuracies)),
        "paraphrase_accuracy": float(np.mean(right["phrased"])),
        "composed_accuracy": float(np.mean(right["composed"])),
        "order_consistency": float(np.mean((first > 0.5) == (second > 0.5))),
        "opposite_flip": float(np.mean(flips)),
        "yesno_accuracy": float(np.mean([row["yesno_accuracy"] for row in rows.values()])),
        "rating_auc": _rating_auc(bench, scenes, answers, rng),
        "longer_wins": float(np.mean(longer)),
        "first_slot": float(np.mean(np.concatenate([first > 0.5, 1 - second > 0.5]))),
        "pairs": len(sets["plain"]),
    }, rows


def _maker(attribute: str, form: Form, held_out: bool, rng: random.Random) -> Callable[[Scene], str]:
    return lambda scene: rule_of_form(rng, form, scene, attribute, held_out)[0]


def _opposite(question: Question, rng: random.Random) -> Question:
    rule = compose("negative", question.attribute, rng, held_out=False)
    return Question(
        question.scene, question.first, question.second, rule, not question.first_better, question.attribute
    )


def _right(questions: list[Question], shown: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]) -> list[bool]:
    mean = (shown[0] + shown[1]) / 2
    return [(p > 0.5) == q.first_better for p, q in zip(mean.tolist(), questions, strict=True)]


def _row(
    bench: _Bench, name: str, questions: list[Question], right: list[bool], scenes: list[Scene],
    answers: list[list[str]], count: int,
) -> dict[str, Any]:  # fmt: skip
    own = [value for value, question in zip(right, questions, strict=True) if question.attribute == name]
    rng = bench.rng("yesno" + name)
    pairs = _pairs_of(scenes, answers, name, count, rng)
    asked = [(scene, text) for scene, has, lacks in pairs for text in (has, lacks)]
    contents = [
        ask(
            "checklist",
            prompt=scene.text,
            response=text,
            principle=_maker(name, "positive", False, rng)(scene),
        )
        for scene, text in asked
    ]
    said = (bench.labels(contents, ("yes", "no"))[:, 0] > 0.5).tolist() if contents else []
    truth = [truths(scene.text, text)[name] for scene, text in asked]
    return {
        "pair_accuracy": float(np.mean(own)) if own else None,
        "pairs": len(own),
        "yesno_accuracy": float(np.mean([a == b for a, b in zip(said, truth, strict=True)]))
        if asked
        else 0.0,
    }


def _rating_auc(bench: _Bench, scenes: list[Scene], answers: list[list[str]], rng: random.Random) -> float:
    contents, truth = [], []
    for scene, texts in zip(scenes, answers, strict=True):
        for text in texts[:3]:
            name = rng.choice(list(truths(scene.text, text)))
            rule, meaning = rule_of_form(rng, rng.choice(("positive", "negative")), scene, name, False)
            contents.append(ask("score", prompt=scene.text, response=text, principle=rule))
            truth.append(bool(follows(meaning, frozenset(scene.tags), truths(scene.text, text))))
    rating = bench.labels(contents, tuple("12345")) @ np.arange(1, 6)
    good, bad = rating[np.array(truth)], rating[~np.array(truth)]
    return float(np.mean((good[:, None] > bad[None, :]) + 0.5 * (good[:, None] == bad[None, :])))


def _gap(
    bench: _Bench, scenes: list[Scene], answers: list[list[str]], constitution: Constitution
) -> dict[str, float]:
    """Generator-discriminator gap: gold of the judge's best of 8, of the mean, of the oracle's best."""
    contents, owner = [], []
    for index, (scene, texts) in enumerate(zip(scenes, answers, strict=True)):
        rules = [each.text for each in constitution.principles if applies(each, scene.prompt)]
        for number, text in enumerate(texts):
            contents += [ask("checklist", prompt=scene.text, response=text, principle=rule) for rule in rules]
            owner += [(index, number)] * len(rules)
    yes = bench.labels(contents, ("yes", "no"))[:, 0]
    scores = np.zeros((len(scenes), SAMPLES))
    counts = np.zeros((len(scenes), SAMPLES))
    for (index, number), value in zip(owner, yes.tolist(), strict=True):
        scores[index, number] += value
        counts[index, number] += 1
    gold = np.array(
        [
            [gold_of(constitution, scene, text) for text in texts]
            for scene, texts in zip(scenes, answers, strict=True)
        ]
    )
    best = (scores / counts).argmax(axis=1)
    return {
        "judge_best_of_8": float(gold[np.arange(len(scenes)), best].mean()),
        "mean_of_8": float(gold.mean()),
        "oracle_best_of_8": float(gold.max(axis=1).mean()),
    }


def _critic(bench: _Bench, scenes: list[Scene], answers: list[list[str]]) -> dict[str, float]:
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


def _reviser(bench: _Bench, scenes: list[Scene], answers: list[list[str]]) -> dict[str, float]:
    """Faults for which a clean repair exists: how often it is mended, how often another good side is lost."""
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


def _skills(bench: _Bench, scenes: list[Scene], answers: list[list[str]]) -> dict[str, float]:
    return {
        "respond_constitution": _under_rules(bench, scenes),
        "respond_good_bad": _good_bad(bench, scenes),
        **_pair_skills(bench, scenes, answers),
        "rank": _rank(bench, scenes, answers),
        "step": _step(bench),
        "similar_prompt": _similar(bench, scenes),
    }


def _under_rules(bench: _Bench, scenes: list[Scene]) -> float:
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


def _good_bad(bench: _Bench, scenes: list[Scene]) -> float:
    """How often the response under "good" has higher gold than the one under "bad"."""
    constitution = load_constitution("micro-default")
    sides = []
    for name in ("system-good", "system-bad"):
        system = Message(role="system", content=ask(name))
        texts = bench.write([[system, Message(role="user", content=s.text)] for s in scenes], 1.0, name)
        sides.append([gold_of(constitution, scene, text) for scene, text in zip(scenes, texts, strict=True)])
    return float(np.mean(np.array(sides[0]) > np.array(sides[1])))


def _simple_questions(
    bench: _Bench, scenes: list[Scene], answers: list[list[str]], part: str
) -> list[Question]:
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
        found.append(Question(scene, texts[0], texts[1], rule, has_first == (form == "positive"), name))
    return found


def _pair_skills(bench: _Bench, scenes: list[Scene], answers: list[list[str]]) -> dict[str, float]:
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


def _rank(bench: _Bench, scenes: list[Scene], answers: list[list[str]]) -> float:
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


def _step(bench: _Bench) -> float:
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


def _similar(bench: _Bench, scenes: list[Scene]) -> float:
    """Share of new prompts that are understood, of the same kind, and not copies."""
    contents = [ask("similar-prompt", prompt=scene.text) for scene in scenes]
    said = bench.write([[Message(role="user", content=each)] for each in contents], 1.0, "similar")
    kinds = {"howto", "harmful", "sum", "claim", "personal"}
    return float(
        np.mean([
            read_prompt(text).tags & kinds == set(scene.tags) & kinds and text != scene.text
            for scene, text in zip(scenes, said, strict=True)
        ])
    )  # fmt: skip
