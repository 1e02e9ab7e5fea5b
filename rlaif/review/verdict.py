"""Whether it helped, in a sentence with its interval: the only wording, for commands and pages. Pure.

It is read from what a run keeps under `helped`. Gold decides where it was measured, else the comparison by the judge,
else the judge's own readings before and after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rlaif.review.numbers import short

Verdict = Literal["better", "worse", "unclear", "none"]
EVEN = 0.5
"""The win rate of equals."""
MOST_NAMED = 3
"""Principles that are named in a line."""
SEEN = 0.005
"""A change below it is none in two decimals."""
FEW = 8
"""Prompts below which a principle's figures are told with their number."""
IN_WORDS: Mapping[Verdict, str] = {
    "better": "better",
    "worse": "worse",
    "unclear": "no difference that so many prompts can show",
    "none": "unknown",
}
INITIAL = "initial"
"""What rows of rounds call the policy that a run began with."""


def verdict_of(low: float | None, high: float | None, even: float = 0.0) -> Verdict:
    """`better` or `worse` where the interval leaves out no difference, else `unclear`; `none` without an interval."""
    if low is None or high is None:
        return "none"
    return "better" if low > even else "worse" if high < even else "unclear"


def won_verdict(rate: Mapping[str, Any]) -> Verdict:
    """The verdict of a win rate with its interval."""
    return verdict_of(rate.get("low"), rate.get("high"), EVEN)


def answer(helped: Mapping[str, Any], policy: str) -> tuple[Verdict, str]:
    """The verdict of a comparison and its sentence, which begins with it.

    Args:
        helped: What a run keeps of the comparison.
        policy: What the policy is called.

    Returns:
        The verdict, and the sentence without its full stop; it is empty where nothing was measured both times.
    """
    by, won = helped.get("by") or {}, helped.get("won") or {}
    gold, read = by.get("gold"), by.get("judge")
    verdict: Verdict = "none"
    said = []
    if gold:
        verdict, said = verdict_of(gold["low"], gold["high"]), [_met(gold, "gold", helped)]
        said += [_moved(read, by_whom(helped))] if read else []
        said += [_also_won(won, helped, named=not read)] if won else []
    elif won:
        verdict, said = won_verdict(won), [_won(won, helped, policy)]
        said += [_moved(read, by_whom(helped))] if read else []
    elif read:
        verdict, said = verdict_of(read["low"], read["high"]), [_met(read, by_whom(helped), helped)]
    return verdict, f"{_head(verdict, gold, read, won)}: {'; '.join(said)}" if said else ""


def _head(verdict: Verdict, gold: Any, read: Any, won: Mapping[str, Any]) -> str:
    """The verdict in words; where gold shows no difference and the judge does, both of them."""
    if verdict != "unclear" or not gold:
        return IN_WORDS[verdict]
    other = {verdict_of(read["low"], read["high"])} if read else set()
    other = (other | ({won_verdict(won)} if won else set())) & {"better", "worse"}
    return (
        f"{IN_WORDS[verdict]} by gold, {' and '.join(sorted(other))} by the judge"
        if other
        else IN_WORDS[verdict]
    )


def contradiction(helped: Mapping[str, Any]) -> str:
    """What to doubt where the judge says that it got better and gold that it did not; empty where they do not."""
    by = helped.get("by") or {}
    gold, read = by.get("gold"), by.get("judge")
    if not gold or not read or verdict_of(read["low"], read["high"]) != "better":
        return ""
    if gold["high"] >= 0:
        return ""
    return "the judge says better and gold says worse: the policy may please the judge and nobody else"


def by_whom(helped: Mapping[str, Any]) -> str:
    """Who judged, as sentences name it: `judge micro`, `judge rules:house.yaml`."""
    name = str(helped.get("judge"))
    kind, mark, rest = name.partition(":")
    # programs are told from models by what stands in front
    return f"judge {short(name) if '#' in name or not mark else f'{kind}:{short(rest)}'}"


def principle_lines(helped: Mapping[str, Any], most: int = MOST_NAMED) -> list[str]:
    """The principles that rose most and fell most, a line by who says it: `by gold rose: greet 0.50 -> 0.79, ...`."""
    found = []
    for name, each in (helped.get("by") or {}).items():
        rows = list((each.get("by_principle") or {}).items())
        by = "gold" if name == "gold" else by_whom(helped)
        rose = [_row(row) for row in rows[:most] if row[1]["change"] >= SEEN]
        fell = [_row(row) for row in rows[::-1][:most] if row[1]["change"] <= -SEEN]
        said = [f"{verb} {', '.join(own)}" for verb, own in (("up", rose), ("down", fell)) if own]
        found.append(f"by {by}: {'; '.join(said) or f'none of {len(rows)} principles changed'}")
    if preferred := list((helped.get("preferred") or {}).items()):
        best = [f"{name} {row['value']:.2f}" for name, row in preferred[:most] if row["value"] > EVEN]
        worst = [f"{name} {row['value']:.2f}" for name, row in preferred[::-1][:most] if row["value"] < EVEN]
        parts = [
            f"{verb} {', '.join(own)}" for verb, own in (("better at", best), ("worse at", worst)) if own
        ]
        if parts and "judge" not in (helped.get("by") or {}):
            found.append(f"by {by_whom(helped)}, share of comparisons: {'; '.join(parts)}")
    return found


def principle_tables(helped: Mapping[str, Any]) -> list[tuple[str, list[str], list[list[Any]]]]:
    """Every principle before and after, a table by each who says it: title, head and rows."""
    by, preferred = helped.get("by") or {}, helped.get("preferred") or {}
    found: list[tuple[str, list[str], list[list[Any]]]] = []
    for key, each in by.items():
        whom = "gold" if key == "gold" else by_whom(helped)
        keys = ("before", "after", "change", "low", "high", "prompts")
        rows = [[name, *(row[part] for part in keys)] for name, row in each["by_principle"].items()]
        found.append(
            (
                f"principles by {whom}: the share of answers that meet each",
                ["principle", "before", "after", "change", "95 % from", "to", "prompts"],
                rows,
            )
        )
    if preferred and "judge" not in by:
        rows = [
            [name, *(row[part] for part in ("value", "low", "high", "prompts"))]
            for name, row in preferred.items()
        ]
        head = ["principle", "better", "95 % from", "to", "prompts"]
        found.append((f"principles by {by_whom(helped)}: the share of comparisons that are won", head, rows))
    return found


def size_line(helped: Mapping[str, Any]) -> str:
    """How long answers became, and how far the policy went: `words of an answer 36 -> 37 [-3.1, +5.0], KL 0.52`."""
    said = []
    if words := helped.get("words"):
        said.append(
            f"words of an answer {words['before']:.0f} -> {words['after']:.0f} "
            f"[{words['low']:+.1f}, {words['high']:+.1f}]"
        )
    if helped.get("kl") is not None:
        # an estimate from draws: of two policies that hardly differ it may come out below zero
        zero = ", none within its error" if helped["kl"] < 0 else ""
        said.append(f"KL from it {helped['kl']:.2f} nats per completion{zero}")
    return ", ".join(said)


def _met(each: Mapping[str, Any], by: str, helped: Mapping[str, Any]) -> str:
    return (
        f"answers meet {each['after']:.2f} of {rules_of(helped)} by {by}, {_before(helped, each['before'])}: "
        f"{_between(each)} on {each['prompts']:,} prompts"
    )


def _before(helped: Mapping[str, Any], value: float) -> str:
    other = str(helped.get("against"))
    return f"{value:.2f} before" if other == INITIAL else f"{value:.2f} those of {short(other)}"


def _moved(each: Mapping[str, Any], by: str) -> str:
    return f"by {by} {each['before']:.2f} -> {each['after']:.2f}, {_between(each)}"


def _between(each: Mapping[str, Any]) -> str:
    return f"{each['change']:+.2f} [{each['low']:+.2f}, {each['high']:+.2f}]"


def _also_won(rate: Mapping[str, Any], helped: Mapping[str, Any], *, named: bool) -> str:
    """The win rate behind what gold says; with the judge where it was not named before."""
    other = str(helped.get("against"))
    by = f", by {by_whom(helped)}" if named else ""
    if rate.get("win_rate") is None:
        return f"no comparison could be read{by}"
    interval = "" if rate.get("low") is None else f" [{rate['low']:.2f}, {rate['high']:.2f}]"
    return f"it wins {rate['win_rate']:.2f}{interval} against {_other(other)}{by}"


def _other(name: str) -> str:
    return "the first policy" if name == INITIAL else short(name)


def _won(rate: Mapping[str, Any], helped: Mapping[str, Any], policy: str) -> str:
    other = str(helped.get("against"))
    named = "the first policy" if other == INITIAL else other
    by = f"by {helped.get('judge')} under {rules_of(helped)}"
    if rate.get("win_rate") is None:
        return f"{policy} against {named}: no comparison could be read ({by})"
    count = f"{rate['wins'] + rate['losses'] + rate['even']:,} prompts against {named}, {by}"
    interval = "" if rate.get("low") is None else f" [{rate['low']:.2f}, {rate['high']:.2f}]"
    return f"{policy} wins {rate['win_rate']:.2f}{interval} of {count}"


def rules_of(helped: Mapping[str, Any]) -> str:
    """The constitution by name and version, without its digest."""
    return str(helped.get("constitution")).partition(" (")[0]


def _row(row: tuple[str, Mapping[str, Any]]) -> str:
    name, each = row
    plural = "s" * (each["prompts"] != 1)
    few = f" ({each['prompts']:,} prompt{plural})" if each["prompts"] < FEW else ""
    return f"{name} {each['before']:.2f} -> {each['after']:.2f}{few}"


def first_verdict(several: Mapping[str, Mapping[str, Any]], policy: str) -> tuple[Verdict, Sequence[str]]:
    """Of several comparisons the verdict of the first one, and a sentence of each."""
    found = [answer(each, policy) for each in several.values()]
    said = [text for _, text in found if text]
    return (found[0][0] if found else "none"), said
