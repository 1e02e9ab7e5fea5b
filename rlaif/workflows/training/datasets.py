"""What a training learns from beside pairs as they are: examples, questions to a judge, the ids that were sampled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from rlaif.constitution import applies
from rlaif.constitution.load import load_principles
from rlaif.errors import InputError
from rlaif.exchange.completions import read_completions
from rlaif.feedback.revise import REVISION
from rlaif.judging.ask import turn
from rlaif.judging.shown import shown_prompt, shown_sides
from rlaif.records import (
    ASKED_OF,
    Completion,
    Constitution,
    Example,
    Message,
    Pair,
    Prompt,
    prompt_name,
)
from rlaif.runs.layout import CONSTITUTION, files_in, rounds
from rlaif.templates import load_template
from rlaif.training.pair_checks import check_sides
from rlaif.training.sampled import Sampled

GOOD = "You are an assistant who follows the rules below to the letter and serves people well."
BAD = "You are an assistant who does not care for rules and serves people badly."
"""System turns under which `good-bad` imitates the chosen and the rejected answers (2302.08582, 2307.12950)."""


NO_REVISION = (
    "no pair's chosen answer is a revision, and no completion of the run is one; a recipe's step `revise` makes "
    "some, or set learn to chosen"
)


def examples(pairs: Sequence[Pair], learn: str) -> list[Example]:
    """What sft imitates: the chosen answers, those that are revisions, or both sides under their system turns.

    Never a side that was cut off, also where a pair was made with it: what is imitated is imitated to its end.

    Raises InputError where nothing of the kind is there, RecipeError for ties, which have no better side.
    """
    check_sides("sft", pairs)
    if learn == "revisions":
        found = [_example(pair, pair.chosen, "revision") for pair in pairs if pair.revision_of is not None]
        if not found:
            raise InputError(NO_REVISION)
        return found
    if learn == "good-bad":
        return [
            each
            for pair in pairs
            for side, each in (
                ("chosen", _example(pair, pair.chosen, "good", GOOD)),
                ("rejected", _example(pair, pair.rejected, "bad", BAD)),
            )
            if pair.truncated != side
        ]
    return [_example(pair, pair.chosen, "chosen") for pair in pairs if pair.truncated != "chosen"]


def _example(pair: Pair, answer: tuple[Message, ...], kind: str, system: str | None = None) -> Example:
    prompt = pair.prompt
    if system is not None:
        own = prompt[0].content if prompt[0].role == "system" else ""
        rest = prompt[1:] if own else prompt
        prompt = (Message(role="system", content=f"{system}\n\n{own}".strip()), *rest)
    return Example(
        messages=(*prompt, *answer), tools=pair.tools, kind=kind, weight=pair.weight, learned=len(answer)
    )


def judge_pairs(pairs: Sequence[Pair], constitution: Constitution) -> list[Pair]:
    """Questions of `compare`, word for word as the judge is asked, chosen and rejected being its labels A and B.

    One for each order of a pair's answers and each principle that the pair speaks of; `label_prob` is how probably
    the better label is right. Raises InputError where no pair speaks of a principle of `constitution`.
    """
    template = load_template("compare", None)
    found = []
    for pair in pairs:
        prompt = Prompt(messages=pair.prompt, tools=pair.tools)
        said = {each["id"]: each.get("p") for each in pair.principles}
        for principle in constitution.principles:
            p = said.get(principle.id)
            if p is None or p == 0.5 or not applies(principle, prompt):
                continue
            texts = shown_sides([pair.chosen, pair.rejected])
            for first_chosen in (True, False):
                one, other = texts if first_chosen else texts[::-1]
                question = template.render(
                    prompt=shown_prompt(prompt), principle=principle.text, response_a=one, response_b=other
                )
                better = "A" if (p > 0.5) == first_chosen else "B"
                found.append(_labelled(pair, question, better, max(p, 1 - p)))
    if not found:
        raise InputError(
            f"no pair says how a principle of {constitution.name} was judged; a judge is trained on pairs with "
            "`principles`, as rlaif generate writes them"
        )
    return found


def _labelled(pair: Pair, question: str, better: str, p: float) -> Pair:
    labels = [(Message(role="assistant", content=each),) for each in (better, "B" if better == "A" else "A")]
    return replace(
        pair,
        prompt=turn(question),
        chosen=labels[0],
        rejected=labels[1],
        label_prob=p,
        principles=(),
        score_gap=None,
        revision_of=None,
        truncated="",
        provenance={**pair.provenance, ASKED_OF: prompt_name(pair.prompt)},
    )


def judge_examples(pairs: Iterable[Pair]) -> list[Example]:
    """The right labels to imitate, those that are hardly better than their opposite counting little: 2 p - 1."""
    return [
        Example(
            messages=(*pair.prompt, *pair.chosen),
            kind="judge",
            weight=pair.weight * (2 * pair.label_prob - 1),
        )
        for pair in pairs
    ]


def run_revisions(source: Path) -> list[Example]:
    """The revisions among the completions of a run, or of a round of it, to imitate: each different one once.

    Of a run those of its newest round that has some; of several files the last one, which may be a filtered one.
    """
    for folder in [source, *reversed([each for _, each in rounds(source)])]:
        for file in reversed(files_in(folder, "completions")):
            drawn = {each.id: (prompt, each) for prompt, each in read_completions(file)}
            found = [
                Example(
                    messages=(*prompt.messages, *said.turns),
                    tools=prompt.tools,
                    kind=REVISION,
                    learned=len(said.turns),
                )
                for prompt, said in drawn.values()
                if said.origin is not None and said.origin.kind == REVISION
            ]
            if found:
                return found
    return []


def run_constitution(source: Path) -> Constitution:
    """The constitution that a run was judged by. Raises InputError where the run keeps none."""
    path = source / CONSTITUTION
    if not path.is_file():
        raise InputError(
            f"{source}: keeps no {CONSTITUTION}; a judge is trained on a run of `rlaif generate`"
        )
    return load_principles(path)


def run_sampled(path: Path, own: str | None) -> dict[str, Sampled]:
    """How the completions in a file came about; nothing where there is no such file.

    `own` is the fingerprint of the model that trains, whose ids are its own.
    """
    return sampled([said for _, said in read_completions(path)], own) if path.is_file() else {}


def sampled(completions: Iterable[Completion], own: str | None) -> dict[str, Sampled]:
    """By completion id: the ids, where the model that trains has drawn them, and whether it was cut off."""
    found: dict[str, Sampled] = {}
    for each in completions:
        ids = each.token_ids if each.policy == own else None
        cut = each.finish == "length" or each.open_thought
        if ids is not None or cut:
            found[each.id] = Sampled(ids, cut)
    return found
