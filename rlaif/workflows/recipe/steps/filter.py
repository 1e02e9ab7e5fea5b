"""The step `filter`: rules leave rows out of completions, pairs, examples or prompts; the others stay as they were."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, make_dataclass
from typing import Any

from rlaif.atomic import write_lines
from rlaif.errors import InputError
from rlaif.exchange.completions import by_prompt as grouped
from rlaif.feedback.score import ScoredCompletion, score_completions
from rlaif.records import Completion, Message, Prompt, ScoreRequest, completion_of
from rlaif.workflows.recipe.artefacts import KINDS, Artefact
from rlaif.workflows.recipe.filters import FILTERS
from rlaif.workflows.recipe.filters.rule import (
    ALL,
    COMPLETIONS,
    EXAMPLES,
    PAIRS,
    PROMPTS,
    FilterRule,
    Given,
    Item,
    completion_item,
    example_item,
    judgments_of,
    pair_item,
    prompt_item,
)
from rlaif.workflows.recipe.recipe import RecipeStep
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step

JUDGMENTS = "judgments"
JUDGE = "judge"
_ITEMS: Mapping[str, Callable[[Any], Item]] = {
    COMPLETIONS: lambda row: completion_item(*row),
    PAIRS: pair_item,
    EXAMPLES: example_item,
    PROMPTS: prompt_item,
}


def chosen_rules(settings: Any) -> dict[str, Any]:
    """The rules that a filter has, by name, each with its value, in the order in which they look."""
    given = {each.name: getattr(settings, each.name) for each in fields(settings)}
    order = sorted(given, key=lambda name: (FILTERS.get(name).turn, name))
    return {name: given[name] for name in order if given[name] is not None}


FilterSettings = make_dataclass(
    "FilterSettings",
    [(each.name, each.type, each.setting) for each in FILTERS.all().values()],
    namespace={"as_dict": chosen_rules},
    frozen=True,
    kw_only=True,
)
"""Which rules leave rows out: a key for each rule, from the rule's own file."""


def _rules(settings: Any) -> list[FilterRule]:
    return [FILTERS.get(name) for name in chosen_rules(settings)]


def _kept_kind(job: Job) -> str:
    return job.task.takes[0].kind


def make(job: RunJob) -> Facts:
    """Leave out what the rules say, and keep what was left out in a file, each row with why."""
    rows = list(job.read(job.task.takes[0]))
    items = [_ITEMS[_kept_kind(job)](row) for row in rows]
    why, warnings = dropped(job, items)
    job.write([row for place, row in enumerate(rows) if place not in why])
    _, file = outputs(job)
    KINDS[_kept_kind(job)].write(job.run / file, [rows[place] for place in sorted(why)])
    told = [json.loads(line) for line in (job.run / file).read_text(encoding="utf-8").splitlines()]
    reasons = [why[place] for place in sorted(why)]
    lines = [
        {**row, "dropped": {"rule": rule, "why": text}}
        for row, (rule, text) in zip(told, reasons, strict=True)
    ]
    write_lines(job.run / file, (json.dumps(each, ensure_ascii=False) for each in lines))
    counts = Counter(rule for rule, _ in why.values())
    facts = {"given": len(rows), "kept": len(rows) - len(why), "dropped": dict(counts), "file": file}
    return facts | ({"warnings": warnings} if warnings else {})


def dropped(job: Job, items: Sequence[Item]) -> tuple[dict[int, tuple[str, str]], list[str]]:
    """Place of each row that is left out -> the rule and its reason; and what a rule could not be told.

    Later rules see what earlier ones left: so a row counts for one reason, and shares are of what a rule really sees.
    """
    found: dict[int, tuple[str, str]] = {}
    warnings: list[str] = []
    kind, settings = _kept_kind(job), job.settings
    scored = _scored(job, items)
    second = scored if any(each.second for each in _rules(settings)) else {}
    for name, value in chosen_rules(settings).items():
        rule = FILTERS.get(name)
        left = [place for place in range(len(items)) if place not in found]
        own = [items[place] for place in left]
        logprobs, problem = _logprobs(job, own) if rule.logprobs else ({}, "")
        if unknown := sum(any(each not in logprobs for each in item.ids) for item in own if rule.logprobs):
            warnings.append(
                f"{job.task.entry.key}: {name} does not know {unknown} of {len(own)} rows, which stay: {problem}"
            )
        given = Given(
            kind=kind,
            items=own,
            scored=scored,
            second=second,
            logprobs=logprobs,
            seed=job.seed,
        )
        found |= {left[place]: (name, why) for place, why in rule.drops(given, value).items()}
    return found, warnings


def _scored(job: Job, items: Sequence[Item]) -> dict[str, ScoredCompletion]:
    """Scores of the completions that the items hold, by the judgments that the step takes."""
    if not any(each.judgments or each.second for each in _rules(job.settings)):
        return {}
    groups: dict[str, tuple[Prompt, list[Completion]]] = {}
    if _kept_kind(job) == COMPLETIONS:
        groups = {prompt.id: (prompt, texts) for prompt, texts in grouped(each.record for each in items)}
    else:
        for each in items:
            pair = each.record
            prompt, texts = groups.setdefault(
                each.prompt, (Prompt(messages=pair.prompt, tools=pair.tools), [])
            )
            texts += [_stand_in(each, side) for side in (0, 1)]
    said = judgments_of(list(groups), job.value(JUDGMENTS))
    found: dict[str, ScoredCompletion] = {}
    for prompt, texts in groups.values():
        once = list({each.id: each for each in texts}.values())
        scored = score_completions(prompt, once, said[prompt.id], job.constitution)
        found |= {each.completion.id: each for each in scored}
    return found


def _stand_in(item: Item, side: int) -> Completion:
    """The completion that a side of a pair is."""
    turns: tuple[Message, ...] = (item.record.chosen, item.record.rejected)[side]
    return completion_of(item.prompt, turns, policy="")


def _logprobs(job: Job, items: Sequence[Item]) -> tuple[dict[str, float], str]:
    """Log-probabilities of the answers to their prompts under the model that the step names, by completion id.

    What a model could not score is not there, and the first reason why is beside it. An answer behind a thought or a
    call is scored by its last turn's text.
    """
    asked: dict[str, ScoreRequest] = {}
    for each in items:
        for name, text in zip(each.ids, each.answers, strict=True):
            asked[name] = _request(name, each.record.prompt, text)
    return _told(job, asked)


def _request(name: str, messages: Sequence[Message], text: str) -> ScoreRequest:
    return ScoreRequest(id=name, messages=tuple(messages), continuations=(text,))


def _told(job: Job, asked: Mapping[str, ScoreRequest]) -> tuple[dict[str, float], str]:
    engine = job.pool(JUDGE).engine(job.model(JUDGE))
    answers = list(engine.score(list(asked.values())))
    problems = [each.error for each in answers if each.error is not None]
    found = {each.request_id: each.logprobs[0] for each in answers if each.error is None}
    return found, problems[0] if problems else ""


def forecast(job: Job) -> list[Any]:
    """Return all that is given, which is the most that can stay, and ask for log-probabilities where a rule does."""
    rows = list(job.read(job.task.takes[0]))
    if any(each.logprobs for each in _rules(job.settings)):
        # which pairs there will be is for the judge to say: at most all completions are sides of one
        drawn = job.took(COMPLETIONS)
        texts = [] if drawn is None else job.read(drawn)
        _told(job, {said.id: _request(said.id, prompt.messages, said.text) for prompt, said in texts})
    return rows


def outputs(job: Job) -> list[str]:
    """Return what stays, and the file of what does not."""
    assert job.task.makes is not None
    return [job.task.makes.path, job.file("dropped", ".jsonl")]


def halts(_: RunJob, facts: Facts) -> str | None:
    """Return that nothing is left, or None."""
    if facts["kept"]:
        return None
    told = ", ".join(f"{rule} {count}" for rule, count in sorted(facts["dropped"].items()))
    what = (
        f"of {facts['given']} rows the filter keeps none ({told})" if told else "there is nothing to filter"
    )
    return f"{what}; look at {facts['file']}, and loosen the rule that leaves out most"


def wants(entry: RecipeStep) -> tuple[tuple[str, ...], ...]:
    """Return what the rules read: the rows of one of their kinds, and judgments where one of them needs those."""
    rules = _rules(entry.settings)
    kinds = tuple(each for each in ALL if all(each in rule.of for rule in rules))
    judged = any(each.judgments or each.second for each in rules)
    return ((kinds or ALL), *(((JUDGMENTS,),) if judged else ()))


def makes_as(_: RecipeStep, takes: tuple[Artefact, ...]) -> str:
    """Return the kind of what is filtered."""
    return takes[0].kind


def check(checked: CheckedStep) -> None:
    """Raise InputError for a filter without a rule, and for rules that cannot work on what it takes."""
    rules, (taken, *rest) = _rules(checked.entry.settings), checked.task.takes
    if not rules:
        raise InputError(f"a filter has no rule; give it one of: {', '.join(FILTERS.names())}")
    for rule in rules:
        if taken.kind not in rule.of:
            raise InputError(
                f"{rule.name} is a rule of {' and '.join(rule.of)}, and {taken.name or taken.step!r} is "
                f"of kind {taken.kind}; remove it, or name others by `of`"
            )
    checked.check_judged()
    if any(each.second for each in rules) and rest[0] == taken.ancestor(JUDGMENTS):
        raise InputError(
            "agreement needs judgments of another judge, and those here are the ones that the pairs were made of; add "
            "a step `{step: judge, judge: ROLE, of: COMPLETIONS, as: second}` and name it: `of: [PAIRS, second]`"
        )
    if JUDGE in checked.entry.named and not any(each.logprobs for each in rules):
        asking = ", ".join(each.name for each in FILTERS.all().values() if each.logprobs)
        raise InputError(f"no rule here asks a model; remove `judge`, or add {asking}")


def work(expected: Expected) -> int:
    """Count the questions: two for a pair, where a rule asks how probable answers are."""
    asks = any(each.logprobs for each in _rules(expected.entry.settings))
    return 2 * expected.sizes.get("asked", 0) if asks else 0


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return how many rows stay, and for which reason how many do not."""
    if not facts:
        return {}
    told = {"warnings": facts.get("warnings", [])}
    return {"kept": facts["kept"], "dropped": facts["dropped"], **told}


STEP = Step(
    name="filter",
    help="Rules leave out completions, pairs, examples or prompts; each reason is counted, and the rows are kept.",
    settings=FilterSettings,
    needs=(ALL,),
    wants=wants,
    makes_as=makes_as,
    selects=True,
    joins=lambda entry: not any(each.second for each in _rules(entry.settings)),
    also_asks=lambda settings: [JUDGE] if any(each.logprobs for each in _rules(settings)) else [],
    may_name={JUDGE: "whose log-probabilities self_preference reads; the judge by default"},
    make=make,
    forecast=forecast,
    outputs=outputs,
    halts=halts,
    check=check,
    work=work,
    columns={"kept": None, "dropped": {}},
    row=row,
)
