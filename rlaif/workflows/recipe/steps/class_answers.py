"""The step `class-answers`: answers of each class of rules, written to order and kept where a judge sees them there.

Synthetic comparison data of Rule-Based Rewards (2411.01111): of each class one case of propositions is drawn, a model
is told which of them are to be true, and the judge of the propositions says whether they are.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from rlaif.engines.base import capabilities_of
from rlaif.errors import InputError
from rlaif.feedback.sample import LOST
from rlaif.hashing import derived_seed
from rlaif.judging.ask import turn
from rlaif.judging.parse import own_text
from rlaif.judging.protocol import One
from rlaif.judging.rbr import Classes, ask, asker, classes_of, kind_of, questions_of, truths
from rlaif.judging.shown import shown_prompt
from rlaif.records import Completion, Constitution, Engine, GenerateRequest, Origin, Prompt, Sampling
from rlaif.settings import setting
from rlaif.templates import load_template
from rlaif.workflows.generate.rollouts import round_prompts
from rlaif.workflows.rbr.load_rules import CLASS_COLUMN, load_rules, no_kind
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step, everything

TEMPLATE = "class-answer"
NOTHING = "(none)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAnswersSettings:
    """Which rules, and how many answers."""

    rules: str = setting(help="A constitution with propositions and `behaviors`, or OpenAI's rules.")
    each: int = setting(1, help="Answers a prompt and class.", least=1)
    prompts: int | None = setting(None, help="Prompts a round; all by default.", least=1)
    temperature: float = setting(1.0, help="Sampling temperature.", least=0)
    max_tokens: int = setting(256, help="Tokens of an answer at most.", least=1)
    verify: bool = setting(
        True, help="Keep an answer only where the judge sees it in its class.", wanted="true or false"
    )


class OrderedAnswer(NamedTuple):
    """One answer to be written: to which prompt, of which class, in which words it is asked for."""

    id: str
    prompt: Prompt
    kind: str
    name: str
    draw: int
    text: str


def _orders(job: Job) -> list[OrderedAnswer]:
    settings, rules = job.settings, load_rules(job.settings.rules)
    kinds, questions = classes_of(rules), {each.id: each.text for each in questions_of(rules)}
    asked = round_prompts(job.value("prompts"), max(1, job.round), settings.prompts, job.seed)
    found = []
    for prompt in asked:
        if (kind := kind_of(prompt, kinds)) is None:
            continue
        for name in kinds[kind].order:
            for draw in range(settings.each):
                number = f"{prompt.id}|{name}|{draw}"
                case = kinds[kind].draw(
                    name, random.Random(derived_seed(job.seed, job.round, "class", number))
                )
                text = _asked_for(prompt, case, questions)
                found.append(OrderedAnswer(number, prompt, kind, name, draw, text))
    if not found:
        raise InputError(f"{job.task.entry.where}: {no_kind(kinds)}")
    return found


def _asked_for(prompt: Prompt, case: Mapping[str, bool], questions: Mapping[str, str]) -> str:
    sides = {
        side: "\n".join(
            f"- {questions[name]}" for name, true in case.items() if true is wanted and name in questions
        )
        for side, wanted in (("holds", True), ("fails", False))
    }
    return load_template(TEMPLATE).render(
        prompt=shown_prompt(prompt, "answer"), **{side: text or NOTHING for side, text in sides.items()}
    )


def _written(job: Job, orders: list[OrderedAnswer]) -> tuple[list[tuple[OrderedAnswer, One]], Counter[str]]:
    engine = _writer(job)
    sampling = Sampling(temperature=job.settings.temperature, max_tokens=job.settings.max_tokens)
    requests = [
        GenerateRequest(
            id=each.id,
            messages=turn(each.text),
            sampling=sampling,
            seed=derived_seed(job.seed, job.round, each.id),
        )
        for each in orders
    ]
    replies = {each.request_id: each for each in engine.generate(iter(requests))}
    found: list[tuple[OrderedAnswer, One]] = []
    lost: Counter[str] = Counter()
    for each in orders:
        reply = replies.get(each.id)
        text = "" if reply is None else own_text(reply)
        if reply is None or not text:
            failed = reply is None or reply.error is not None
            lost[
                LOST if failed else "cut off" if reply is not None and reply.finish == "length" else "empty"
            ] += 1
            continue
        row = replace(each.prompt, meta={**each.prompt.meta, CLASS_COLUMN: each.name})
        said = Completion(
            prompt_id=row.id,
            text=text,
            policy=engine.fingerprint,
            draw=each.draw,
            origin=Origin(kind="class", note=each.name),
        )
        found.append((each, (row, said)))
    return found, lost


def _writer(job: Job) -> Engine:
    name = job.model("model")
    role = replace(job.role("model"), max_tokens=None, max_thought_tokens=None, sees=None, think=None)
    engine = job.models.acting(role).writer(name)
    if not capabilities_of(engine).reads(load_template(TEMPLATE).words):
        raise InputError(
            f"{job.task.entry.where}: step {job.task.entry.key!r}: {name} does not know the words of the template "
            f"{TEMPLATE}.txt, and cannot write to order; name another `model`, or sample under several `system`s"
        )
    return engine


def _verified(
    job: Job, written: list[tuple[OrderedAnswer, One]], kinds: Mapping[str, Classes], rules: Constitution
) -> tuple[list[One], Counter[str]]:
    """The answers that the judge sees in the class that they were written for, and how many it sees elsewhere."""
    kept: dict[str, One] = {}
    lost: Counter[str] = Counter()
    judge = asker(job.judge(), rules)
    for kind, classes in kinds.items():
        own = [(order, item) for order, item in written if order.kind == kind]
        heard = ask(judge, [item for _, item in own], classes, questions_of(rules))
        for (order, item), each in zip(own, heard, strict=True):
            placed = classes.place(truths(each.shares))
            if placed.name == order.name:
                kept[order.id] = item
            else:
                lost["in another class" if placed.name else "in no one class"] += 1
    return [kept[order.id] for order, _ in written if order.id in kept], lost


def make(job: RunJob) -> Facts:
    """Write the answers, and keep those that are what they were to be."""
    rules = load_rules(job.settings.rules)
    orders = _orders(job)
    written, lost = _written(job, orders)
    kept = [item for _, item in written]
    if job.settings.verify:
        kept, elsewhere = _verified(job, written, classes_of(rules), rules)
        lost.update(elsewhere)
    if not kept:
        why = ", ".join(f"{reason}: {count}" for reason, count in lost.items())
        raise InputError(
            f"{job.task.entry.where}: step {job.task.entry.key!r}: none of {len(orders)} answers is of its class "
            f"({why}); name a `model` that writes to order, or a judge that reads the propositions"
        )
    job.write(kept)
    counts = Counter(str(prompt.meta[CLASS_COLUMN]) for prompt, _ in kept)
    return {"asked_for": len(orders), "completions": len(kept), "classes": dict(counts), "lost": dict(lost)}


def forecast(job: Job) -> list[One]:
    """Ask what would be asked, and return the answers as if all were of their class."""
    rules = load_rules(job.settings.rules)
    orders = _orders(job)
    engine = _writer(job)
    sampling = Sampling(temperature=job.settings.temperature, max_tokens=job.settings.max_tokens)
    requests = [GenerateRequest(id=each.id, messages=turn(each.text), sampling=sampling) for each in orders]
    replies = {each.request_id: each.text for each in engine.generate(iter(requests))}
    written = []
    for each in orders:
        row = replace(each.prompt, meta={**each.prompt.meta, CLASS_COLUMN: each.name})
        text = f"{each.name} {each.draw} {replies.get(each.id, '')}"
        written.append((each, (row, Completion(prompt_id=row.id, text=text, policy=engine.fingerprint))))
    if job.settings.verify:
        _verified(job, written, classes_of(rules), rules)
    return [item for _, item in written]


def inputs(job: Job) -> dict[str, Any]:
    """Return everything, with the digests of the rules and of the template."""
    digests = {"rules": load_rules(job.settings.rules).digest, "template": load_template(TEMPLATE).digest}
    return everything(job) | digests


def check(checked: CheckedStep) -> None:
    """Raise InputError for rules by which an answer is in no class or in several."""
    kinds = classes_of(load_rules(checked.entry.settings.rules))
    if slips := [slip for classes in kinds.values() for slip in classes.slips()]:
        raise InputError(f"{slips[0]} (`rlaif rbr check` lists all {len(slips)})")


def work(expected: Expected) -> int:
    """Count the answers of about four classes a prompt."""
    settings, held = expected.entry.settings, expected.sizes["prompts"]
    count = 4 * settings.each * min(settings.prompts or held, held)
    expected.sizes["completions"] = expected.sizes.get("completions", 0) + count
    return int(count)


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return what was lost, as a warning."""
    if not facts.get("lost"):
        return {}
    why = ", ".join(f"{reason}: {count}" for reason, count in sorted(facts["lost"].items()))
    return {
        "warnings": [
            f"{facts['asked_for'] - facts['completions']} of {facts['asked_for']} answers to order left out ({why})"
        ]
    }


STEP = Step(
    name="class-answers",
    help="Answers of each class of rules, written to order and kept where the judge sees them there.",
    settings=ClassAnswersSettings,
    needs=(("prompts",),),
    makes="completions",
    roles={"model": "policy", "judge": "judge"},
    takes="train",
    stem="class-answers",
    make=make,
    forecast=forecast,
    inputs=inputs,
    check=check,
    work=work,
    row=row,
)
