"""Asking a judge by a protocol. What one from outside returns is checked: nobody above reads what it must not say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from rlaif.constitution import applies
from rlaif.errors import PluginError, RlaifError
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge, One, Two
from rlaif.judging.protocols import PROTOCOLS, Asking, Pairwise, Pointwise
from rlaif.judging.scales import SHARE, Scale
from rlaif.records import Judgment, Principle, Prompt, State
from rlaif.registry import raised
from rlaif.templates import recorded_templates

Key = tuple[tuple[str, ...], str | None]
"""What a judgment is about: the completions in the order shown, and a principle, None for none in particular."""
OURS = __name__.partition(".")[0]
_rendered: dict[str, dict[str, str]] = {}
POINTWISE = "a pointwise protocol returns a judgment for each completion and principle that applies"
PAIRWISE = "a pairwise protocol returns a judgment for either order of each two completions and principle that applies"
FAILED = "one that failed too, in a state without a number (`unreadable`)"


def ask_pointwise(
    chosen: Pointwise, judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking
) -> list[Judgment]:
    """Ask a judge for a number of each completion.

    Args:
        chosen: The protocol, ours or from outside.
        judge: Who is asked.
        items: Prompts with a completion each.
        principles: Those of the constitution; only what applies to a prompt is asked.
        how: Seed, samples and further tries.

    Returns:
        The judgments of the protocol; those of one from outside have its name as their protocol.

    Raises:
        PluginError: A protocol from outside raised, left out a judgment, returned one that nobody asked for, or a
            number outside of its scale.
    """
    if not PROTOCOLS.is_from_outside(chosen.name):
        with guarded_judge(judge):
            return chosen.ask(judge, items, principles, how)
    with recorded_templates() as used, PROTOCOLS.guarded(chosen.name):
        found = chosen.ask(_with_its_templates(judge, chosen), items, principles, how)
    _rendered.setdefault(chosen.name, {}).update(used)
    wanted = [(((each.id,),), _applying(principles, prompt)) for prompt, each in items]
    return _checked(chosen.name, found, wanted, State.SCORE, chosen.scale, POINTWISE)


def ask_pairwise(
    chosen: Pairwise, judge: Judge, items: Sequence[Two], principles: Sequence[Principle], how: Asking
) -> list[Judgment]:
    """Ask a judge which of two completions is better, in both orders.

    Arguments, result and errors are those of `ask_pointwise`; an item is a prompt with two completions.
    """
    if not PROTOCOLS.is_from_outside(chosen.name):
        with guarded_judge(judge):
            return chosen.ask(judge, items, principles, how)
    with recorded_templates() as used, PROTOCOLS.guarded(chosen.name):
        found = chosen.ask(_with_its_templates(judge, chosen), items, principles, how)
    _rendered.setdefault(chosen.name, {}).update(used)
    wanted = [
        (((one.id, other.id), (other.id, one.id)), _applying(principles, prompt))
        for prompt, one, other in items
    ]
    return _checked(chosen.name, found, wanted, State.PREFERENCE, SHARE, PAIRWISE)


def templates_of(chosen: Pointwise | Pairwise, judge: Judge) -> Mapping[str, str]:
    """The digests of the templates that a judge is asked with by a protocol, by name.

    Of a protocol from outside these are the ones that it names, and whatever else it has asked with in this process.
    """
    rendered = _rendered.get(chosen.name, {})
    if not isinstance(judge, ModelJudge):
        return rendered
    folder = chosen.templates_from
    asked = judge if folder is None else judge.with_templates(folder)
    names = [asked.before_label(name) if name in chosen.labels else name for name in chosen.templates]
    used = [asked.template(name) for name in sorted(names)]
    return {each.name: each.digest for each in used} | rendered


def _with_its_templates(judge: Judge, chosen: Pointwise | Pairwise) -> Judge:
    folder = chosen.templates_from
    return judge if folder is None or not isinstance(judge, ModelJudge) else judge.with_templates(folder)


@contextmanager
def guarded_judge(judge: Judge) -> Iterator[None]:
    """Say of what a judge object from outside raises in the block whose it is. What ours raises stays as it is.

    Raises PluginError with the judge's name, its class and the exception; an error that is a RlaifError passes.
    """
    kind = type(judge)
    try:
        yield
    except (RlaifError, BrokenPipeError):
        raise
    except Exception as problem:
        if kind.__module__.partition(".")[0] == OURS:
            raise
        whose = f"judge {judge.name!r} ({kind.__module__}.{kind.__qualname__})"
        raise PluginError(raised(whose, problem)) from problem


def _applying(principles: Sequence[Principle], prompt: Prompt) -> list[str]:
    return [each.id for each in principles if applies(each, prompt)]


def _checked(
    name: str,
    found: object,
    wanted: Sequence[tuple[Sequence[tuple[str, ...]], Sequence[str]]],
    state: State,
    scale: Scale,
    rule: str,
) -> list[Judgment]:
    """The judgments under the protocol's name, where each one that was asked for is there and within its scale.

    `wanted` are, of each item, the orders of its completions and the principles that apply. A judge that reads no
    principles judges the completions as wholes: then one judgment that names none stands for all of them.
    """
    whose = PROTOCOLS.described(name)
    if not isinstance(found, Iterable) or isinstance(found, str | Mapping):
        raise PluginError(f"{whose}: returned {_shown(found)}; {rule}: a list of `Judgment`, {FAILED}")
    judgments = list(found)
    for each in judgments:
        if not isinstance(each, Judgment):
            raise PluginError(f"{whose}: returned {_shown(each)} in its list; {rule}: a `Judgment`, {FAILED}")
        _refuse_outside(whose, each, state, scale)
    _refuse_uneven(whose, judgments, wanted, rule)
    return [replace(each, protocol=name) for each in judgments]


def _refuse_outside(whose: str, judgment: Judgment, state: State, scale: Scale) -> None:
    """Refuse a number in a state of the other shape, or one that the scale has not."""
    value = judgment.value
    if value is None:
        return
    if judgment.state is not state:
        raise PluginError(
            f"{whose}: returned the state `{judgment.state}`; a number of its shape is `{state}`"
        )
    lowest = -math.inf if scale.lowest is None else scale.lowest
    highest = math.inf if scale.highest is None else scale.highest
    if not math.isfinite(value) or not lowest <= value <= highest:
        wanted = f"from {lowest:g} to {highest:g}" if scale.bounded else "finite"
        raise PluginError(
            f"{whose}: returned the number {value!r} for {_about(_key(judgment))}; its numbers must be {wanted}"
            f"{' (its `scale`)' if state is State.SCORE else ''}"
        )


def _refuse_uneven(
    whose: str,
    judgments: Sequence[Judgment],
    wanted: Sequence[tuple[Sequence[tuple[str, ...]], Sequence[str]]],
    rule: str,
) -> None:
    """Refuse judgments that are not those that were asked for: one is missing, doubled, or of something else."""
    asked: Counter[Key] = Counter()
    for orders, principles in wanted:
        asked.update((ids, principle) for ids in orders for principle in [None, *principles])
    said = Counter(map(_key, judgments))
    missing = [
        (ids, principle)
        for orders, principles in wanted
        for ids in orders
        for principle in principles
        if not said[ids, principle] and not said[ids, None]
    ]
    further = said - asked
    count = f"returned {len(judgments)} judgments"
    if further:
        raise PluginError(
            f"{whose}: {count}, {further.total()} of them unasked ({_about(next(iter(further)))}); {rule}"
        )
    if missing:
        raise PluginError(
            f"{whose}: {count}; {len(missing)} are missing, the first of {_about(missing[0])}; {rule}, {FAILED}"
        )


def _key(judgment: Judgment) -> Key:
    return judgment.completion_ids, judgment.principle_id


def _about(key: Key) -> str:
    ids, principle = key
    return f"{' before '.join(ids)} by {'no principle' if principle is None else f'principle {principle!r}'}"


def _shown(thing: object) -> str:
    return "None" if thing is None else f"a {type(thing).__name__}"
