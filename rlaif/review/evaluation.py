"""The tables of an evaluation, from the summary in its `run.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.review.tables import table

WON = ("against", "win rate", "95 % from", "to", "wins", "losses", "even", "failed")
_WON_KEYS = ("against", "win_rate", "low", "high", "wins", "losses", "even", "failed")


class EvaluationTable(NamedTuple):
    """A title, which may be empty, a head and rows."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]

    @property
    def text(self) -> str:
        """The table as plain text, below its title."""
        return "\n".join([*([self.title] if self.title else []), table(self.head, self.rows)])


def evaluation_tables(summary: Mapping[str, Any] | None) -> list[EvaluationTable]:
    """Win rates and gold of an evaluation; nothing for the summary of another command."""
    found = summary or {}
    tables = []
    if rates := found.get("win_rates"):
        title = f"{found.get('policy')}, judged by {found.get('judge')} on {found.get('prompts')} prompts"
        tables.append(EvaluationTable(title, WON, [[row.get(key) for key in _WON_KEYS] for row in rates]))
    gold = found.get("gold")
    if isinstance(gold, Mapping) and gold:
        ids = dict.fromkeys(name for each in gold.values() for name in each.get("by_principle", {}))
        rows = [[name, *(each.get(name) for each in gold.values())] for name in ("mean", "low", "high")]
        rows += [[name, *(each["by_principle"].get(name) for each in gold.values())] for name in ids]
        tables.append(EvaluationTable("", ("gold", *gold), rows))
    return [
        *tables,
        *_sets(found.get("sets") or ()),
        *_divergence(found),
        *_panel(found),
        *_behaviours(found),
    ]


def _panel(found: Mapping[str, Any]) -> list[EvaluationTable]:
    """Of a panel's judges, the win rate by each group, and on which share of the prompts two groups part."""
    rows = [
        [name, said, each["value"], each["low"], each["high"], each["prompts"]]
        for name, told in (found.get("by_group") or {}).items()
        for kind, words in (("groups", "win rate by {}"), ("apart", "prompts on which {} part"))
        for group, each in told[kind].items()
        for said in [words.format(group)]
    ]
    head = ("against", "whose preferences", "value", "95 % from", "to", "prompts")
    return [EvaluationTable("", head, rows)] if rows else []


def _sets(found: Sequence[Mapping[str, Any]]) -> list[EvaluationTable]:
    """Sets by name, before and after: of each model that the policy is compared with, and the change by prompt."""
    if not found:
        return []
    policy = {(each["set"], each["figure"]): each for each in found if not each["before"]}
    others = [each for each in found if each["before"]]
    if not others:
        keys = ("set", "figure", "value", "low", "high", "answers")
        alone = ("set", "share", "value", "95 % from", "to", "answers")
        return [EvaluationTable("sets", alone, [[each[key] for key in keys] for each in policy.values()])]
    rows = []
    for each in others:
        after = policy.get((each["set"], each["figure"]))
        said = [each["set"], each["figure"], each["model"], each["value"], after and after["value"]]
        rows.append([*said, each["change"], each["change_low"], each["change_high"]])
    head = ("set", "share", "before", "of it", "after", "change", "95 % from", "to")
    return [EvaluationTable("sets, before and after", head, rows)]


def _divergence(found: Mapping[str, Any]) -> list[EvaluationTable]:
    """How far the policy is from each model that it is compared with, in nats per answer."""
    rows = [
        [name, each["value"], each["low"], each["high"], each["answers"]]
        for name, each in (found.get("kl") or {}).items()
    ]
    head = ("KL of the policy from", "nats per answer", "95 % from", "to", "answers")
    return [EvaluationTable("", head, rows)] if rows else []


def _behaviours(found: Mapping[str, Any]) -> list[EvaluationTable]:
    """What answers show: the policy beside each model that it is compared with, which is what it was before."""
    models = found.get("behaviours")
    if not isinstance(models, Sequence) or not models:
        return []
    policy, *others = models
    if not others:
        rows = [[name, *(each.get(key) for key in _SHARE)] for name, each in policy["shown"].items()]
        return [EvaluationTable("", ("answers that show", policy["model"], "95 % from", "to"), rows)]
    tables = []
    for other in others:
        rows = [
            [
                name,
                other["shown"][name]["share"],
                policy["shown"][name]["share"],
                *(change.get(key) for key in _SHARE),
            ]
            for name, change in other["change"].items()
        ]
        named = (f"before: {other['model']}", f"after: {policy['model']}")
        head = ("answers that show", *named, "change", "95 % from", "to")
        tables.append(EvaluationTable("", head, rows))
    return tables


_SHARE = ("share", "low", "high")
