"""What a run came to in a few words: what was done, whether it helped, what is doubtful. Pure.

The same words stand in the list of runs, on a run's page and on top of its report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlaif.review.named import roles, said
from rlaif.review.numbers import figure, percent, short
from rlaif.review.verdict import IN_WORDS, INITIAL, Verdict, first_verdict, won_verdict

CHECKED = ("accuracy", "both_correct", "label_accuracy", "kappa")
"""The figures of a judge check by which it is known, the first that it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The words on top."""

    done: str
    """What was done: one sentence."""
    helped: str
    """Whether it helped, with its interval: one sentence; empty where nothing compares."""
    verdict: Verdict
    """`better` or `worse` where the interval leaves out no difference, else `unclear`; `none`: nothing compares."""
    short: str
    """The result in a table's cell."""


def headline(facts: Mapping[str, Any], rounds: Sequence[Mapping[str, Any]] = ()) -> Headline:
    """The words of a run, from its `run.json` and, of a recipe, its rows of rounds."""
    summary = facts.get("summary") or {}
    if rounds:
        return _of_rounds(facts, rounds)
    if summary.get("win_rates") or summary.get("gold"):
        return _of_evaluation(summary)
    if "funnel" in summary or "pairs" in summary:
        return _of_pairs(facts, summary)
    said, brief = _of_measuring(summary)
    done = said or f"`rlaif {facts.get('command', 'run')}`."
    return Headline(done=done, helped="", verdict="none", short=brief)


def _of_measuring(summary: Mapping[str, Any]) -> tuple[str, str]:
    """The sentence and the cell of a judge check, an attack or a lab; empty for anything else."""
    figures = summary.get("figures") or {}
    if "gold_set" in summary:
        told = [
            f"{name.replace('_', ' ')} {_interval(figures[name])}" for name in CHECKED if figures.get(name)
        ]
        items = _count(int(summary.get("count") or 0), "item")
        done = f"Checked the judge {short(str(summary.get('judge')))} on {items} of {short(str(summary['gold_set']))}."
        return done, told[0] if told else ""
    if "reward" in summary:
        succeeded = sum(bool((each.get("success") or {}).get("value")) for each in figures)
        prompts = _count(int(summary.get("prompts") or 0), "prompt")
        done = f"Attacked the reward {short(str(summary['reward']))} on {prompts}."
        return done, f"{succeeded} of {_count(len(figures), 'attack')} succeeded"
    if "cells" in summary:
        return (
            f"Measured {_count(int(summary['cells']), 'cell')} of the lab, by {summary.get('gold_by')}.",
            "",
        )
    return "", ""


def _of_rounds(facts: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Headline:
    config = facts.get("config") or {}
    recipe = config.get("recipe") or {}
    named, last = roles(facts), rows[-1]
    made = sum(int(row.get("pairs") or 0) for row in rows)
    count = last["round"]
    wanted = recipe.get("rounds", count)
    many = _count(wanted, "round")
    parts = [f"{many if wanted == count else f'{count} of {many}'} of {recipe.get('name', 'a recipe')}"]
    parts.append(f"from {said(named.get('policy', 'the policy'))}")
    if "judge" in named:
        parts.append(f"judged by {said(named['judge'])}")
    if made:
        parts.append(f"with {_count(made, 'pair')}")
    won = ((last.get("against") or {}).get("initial")) or {}
    first_gold, last_gold = rows[0].get("gold_mean"), last.get("gold_mean")
    verdict, helped = _answer(facts, "the policy") if count else ("none", "")
    if count and not helped:
        verdict, helped = _rounds_alone(rows[0], last)
    brief = ""
    if None not in (first_gold, last_gold) and count:
        brief = f"gold {figure(first_gold)} → {figure(last_gold)}"
    elif won.get("win_rate") is not None:
        brief = f"win rate {figure(won['win_rate'])}"
    elif None not in (rows[0].get("judge_mean"), last.get("judge_mean")) and count:
        brief = f"judge {figure(rows[0]['judge_mean'])} → {figure(last['judge_mean'])}"
    return Headline(done=f"{', '.join(parts)}.", helped=helped, verdict=verdict, short=brief)


def _answer(facts: Mapping[str, Any], policy: str) -> tuple[Verdict, str]:
    """The answer of a finished run, as one sentence for each model that it is compared with."""
    verdict, said = first_verdict((facts.get("summary") or {}).get("helped") or {}, policy)
    return verdict, " ".join(f"{each[0].upper()}{each[1:]}." for each in said)


def _rounds_alone(first: Mapping[str, Any], last: Mapping[str, Any]) -> tuple[Verdict, str]:
    """What the rounds say while a run is at work, or of one that kept no answers: only comparisons have an interval."""
    told = [
        f"{name} went from {figure(first[key])} to {figure(last[key])} on held-out prompts"
        for key, name in (("gold_mean", "gold"), ("judge_mean", "the judge's mean"))
        if None not in (first.get(key), last.get(key))
    ]
    won = ((last.get("against") or {}).get(INITIAL)) or {}
    if won.get("win_rate") is not None:
        told.append(f"it wins {_rate(won)} against its first version")
    verdict, text = won_verdict(won), "; ".join(told)
    if not text:
        return "none", ""
    text = text if verdict == "none" else f"{IN_WORDS[verdict]}: {text}"
    return verdict, f"{text[0].upper()}{text[1:]}."


def _of_evaluation(summary: Mapping[str, Any]) -> Headline:
    policy, judge = str(summary.get("policy")), summary.get("judge")
    rates = summary.get("win_rates") or []
    golds = summary.get("gold") or {}
    done = f"Evaluated {short(policy)} on {_count(summary.get('prompts') or 0, 'held-out prompt')}"
    done += f", judged by {short(str(judge))}." if judge else "."
    verdict, helped = _answer({"summary": summary}, short(policy))
    if not helped and rates:  # of an older version
        verdict = won_verdict(rates[0])
        begins = f"{IN_WORDS[verdict]}: it wins {_rate(rates[0])} against {short(str(rates[0]['against']))}"
        helped = f"{begins[0].upper()}{begins[1:]}."
    brief = (
        f"win rate {_rate(rates[0])}"
        if rates
        else f"gold {figure(golds[policy].get('mean'))}"
        if policy in golds
        else ""
    )
    return Headline(done=done, helped=helped, verdict=verdict, short=brief)


def _of_pairs(facts: Mapping[str, Any], summary: Mapping[str, Any]) -> Headline:
    command = facts.get("command")
    named, funnel = roles(facts), summary.get("funnel") or {}
    pairs, prompts = int(summary.get("pairs") or 0), summary.get("prompts") or funnel.get("prompts")
    verb = {"import": "Imported", "judge": "Judged anew"}.get(str(command), "Sampled and judged")
    parts = [
        f"{verb}: {_count(pairs, 'pair')}" + (f" of {_count(int(prompts), 'prompt')}" if prompts else "")
    ]
    if "policy" in named:
        parts.append(f"written by {said(named['policy'])}")
    if "judge" in named:
        parts.append(f"judged by {said(named['judge'])}")
    share = summary.get("pair_share")
    brief = f"{_count(pairs, 'pair')}" + (f", {percent(share)} of prompts" if share is not None else "")
    return Headline(done=f"{', '.join(parts)}.", helped="", verdict="none", short=brief)


def _rate(row: Mapping[str, Any]) -> str:
    return _interval({**row, "value": row.get("win_rate")})


def _interval(row: Mapping[str, Any]) -> str:
    low, high = row.get("low"), row.get("high")
    between = f" [{figure(low)}, {figure(high)}]" if None not in (low, high) else ""
    return f"{figure(row.get('value'))}{between}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
