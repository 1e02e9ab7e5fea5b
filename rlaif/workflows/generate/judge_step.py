"""The judge step and the pairs step: what is asked of which completions, and what comes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.exchange.judgments import judged_by
from rlaif.feedback import FailedDraw, Funnel, Paired, PairPlan, make_pairs
from rlaif.feedback.pairing import NO_PAIRWISE
from rlaif.judging import Judge, ModelJudge, PanelJudge
from rlaif.judging.kinds import judge_kind
from rlaif.judging.protocols import (
    PER_PAIR,
    PER_PRINCIPLE,
    Asking,
    Pairwise,
    asking,
    protocol,
    refusal,
)
from rlaif.records import Completion, Constitution, Engine, Judgment, Prompt, State
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import NOTHING, RoleOptions

Drawn = Sequence[tuple[Prompt, Completion]]
MIN_CONSISTENCY = 0.7
"""Share of comparisons in which a principle's two orders agree, below which it counts as not applied."""
MIN_COMPARED = 10
"""Comparisons before that share says anything."""
MIN_IDLE = 50
"""Pairs of which at least one should differ in a principle, unless it is never in question."""


def make_preference_pairs(
    judge: Judge,
    constitution: Constitution,
    drawn: Drawn,
    judgments: Sequence[Judgment],
    plan: PairPlan,
    critic: Engine | None,
    failed: Sequence[FailedDraw] = (),
) -> Paired:
    """Pairs in prompt order, with a critique of each rejected side where there is a critic.

    Prompts of which nothing could be drawn are counted too: they are told by what `failed`.
    """
    known = {prompt.id: prompt for prompt, _ in drawn}
    prompts = list((known | {each.prompt.id: each.prompt for each in failed}).values())
    return make_pairs(
        prompts,
        [each for _, each in drawn],
        judgments,
        judge=judge,
        constitution=constitution,
        plan=plan,
        critic=critic,
        failed=Counter(each.prompt.id for each in failed),
    )


def critic_of(judge: Judge) -> Engine | None:
    """Who writes critiques: the judge itself, when it is a model; of a panel, the first that is."""
    if isinstance(judge, PanelJudge):
        return next((found for each in judge.members if (found := critic_of(each.judge))), None)
    return judge.engine if isinstance(judge, ModelJudge) else None


def critic_in(
    models: ModelPool, judge: Judge, own: RoleOptions | None, name: str | None = None
) -> Engine | None:
    """Who writes critiques, asked as a critic: as the judge, but for what is said of the critic and for its lengths.

    `models` are those in the judge's role; `name` is another model that writes them, which is asked as `own` says.
    """
    if name is not None:
        return models.acting(own).writer(name)
    found = critic_of(judge)
    if found is None:
        return None
    inherited = replace(models.role, max_tokens=None, sees=None, think=None)
    role = (own or NOTHING).over(inherited)
    return found if role == NOTHING else models.acting(role).writer(found.name)


def refuse_critic(own: RoleOptions | None, judge: str, *, critique: bool) -> None:
    """Raise InputError where options of a critic are given and nobody writes critiques."""
    if own is None or own == NOTHING:
        return
    if not critique or not issubclass(judge_kind(judge).makes, ModelJudge | PanelJudge):
        why = "critiques are switched off" if not critique else f"{judge} is no model"
        raise InputError(f"--critic-...: nobody writes critiques ({why}); leave these options out")


def asking_of(name: str, judge: str, *, seed: int, samples: int | None, again: int | None) -> Asking:
    """How a protocol asks a judge. Raises InputError where there is none of this name, or it cannot do what is wanted.

    Reads nothing but names, so that it can be called before anything is opened or written.
    """
    chosen = protocol(name)
    if chosen.judges and not issubclass(judge_kind(judge).makes, chosen.judges):
        raise InputError(f"{judge}: {refusal(name, chosen.judges)}")
    return asking(chosen, seed=seed, samples=samples, again=again)


def split(name: str) -> tuple[str, str]:
    """The pointwise protocol that chooses candidates and the pairwise one that decides, where one is named for both."""
    chosen = protocol(name)
    if isinstance(chosen, Pairwise):
        return PER_PRINCIPLE, name
    return name, NO_PAIRWISE if chosen.decides else PER_PAIR


def in_writing(*names: str) -> bool:
    """Return whether one of these protocols reads only written text, so that no other may need log-probabilities."""
    return any(protocol(name).reads_text for name in names if name != NO_PAIRWISE)


def written_form(name: str) -> str:
    """The protocol that asks the same as `name` of a judge that writes its verdicts; `name` where that is no other."""
    return name if name == NO_PAIRWISE else protocol(name).in_writing or name


def read_by_labels(path: Path) -> bool:
    """Whether a file of judgments, if there is one, holds some that were read from log-probabilities of labels."""
    return judged_by(path, PER_PRINCIPLE, {State.SCORE})


def judged_in_writing(path: Path) -> bool:
    """Whether a file of judgments, if there is one, holds some that were written in place of such."""
    return judged_by(path, written_form(PER_PRINCIPLE))


NO_PAIR = "no pair: "
"""Stands before a reason in the counts of a funnel."""


def counts(funnel: Funnel) -> dict[str, int]:
    """The funnel as a person reads it: one count after the other."""
    reasons = {f"{NO_PAIR}{reason}": count for reason, count in funnel.no_pair.items()}
    return {
        "prompts": funnel.prompts,
        "completions": funnel.completions,
        **({"failed draws": funnel.failed_draws} if funnel.failed_draws else {}),
        "duplicates": funnel.duplicates,
        "truncated": funnel.truncated,
        "judged": funnel.judged,
        "candidates": funnel.candidates,
        **reasons,
        "kept": funnel.kept,
    }


def principles_table(funnel: Funnel) -> dict[str, dict[str, Any]]:
    """For each principle that was compared: how often, how consistently, and how often it could not be read.

    Order consistency is that of the pairs whose sides got different pointwise judgments by this principle: of two
    sides that are alike in it a judge may say anything. It is None for pairs decided by pointwise judgments.
    """
    rows = {}
    for principle in dict.fromkeys([*funnel.compared, *funnel.unread]):
        apart = funnel.told_apart.get(principle, 0)
        flipped = funnel.told_apart_inconsistent.get(principle)
        rows[principle] = {
            "compared": funnel.compared.get(principle, 0),
            "told_apart": apart,
            "order_consistency": 1 - flipped / apart if apart and flipped is not None else None,
            "unread": funnel.unread.get(principle, 0),
        }
    return rows


def consistencies(funnel: Funnel) -> dict[str, float | None]:
    """Order consistency by principle, as in `principles_table`; None where no pair's sides differ in it."""
    return {name: row["order_consistency"] for name, row in principles_table(funnel).items()}


def not_applied(funnel: Funnel) -> list[str]:
    """A message for each principle that the judge cannot apply."""
    messages = []
    for principle, row in principles_table(funnel).items():
        consistency, apart, unread = row["order_consistency"], row["told_apart"], row["unread"]
        whole = row["compared"] + unread
        why = None
        if apart >= MIN_COMPARED and consistency is not None and consistency < MIN_CONSISTENCY:
            why = f"its order consistency is only {consistency:.0%} on {apart} pairs whose sides differ in it"
        elif unread >= MIN_COMPARED and unread > whole / 2:
            why = f"it is unreadable in {unread} of {whole} pairs"
        if why is not None:
            messages.append(f"principle {principle!r}: this judge cannot apply it: {why}")
    return messages


def idle(funnel: Funnel) -> list[str]:
    """A message for each principle that decides nothing: it is never in question, or not understood."""
    return [
        f"principle {principle!r} decides nothing: by this judge's pointwise judgments the sides of none of "
        f"{row['compared']} pairs differ in it"
        for principle, row in principles_table(funnel).items()
        if row["compared"] >= MIN_IDLE and not row["told_apart"]
    ]
