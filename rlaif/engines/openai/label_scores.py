"""Log-probabilities of labels, from a token's candidates or from sampled votes. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from rlaif.records import ScoreRequest

FLOOR = 1e-30
"""Probability of a label that is not among the candidates: the mass of the labels then says how little is known."""
MIN_TOLD = 0.5
"""Where even the most that labels can have is less than this, the model says something else: nothing is missing."""
MAX_UNTOLD = 0.1
"""What labels that are not among the candidates may have at most, as a share of what the others have."""
TOO_FEW = "the server lists too few candidates to tell how likely each label is; add ?votes=8 to its name"
_FIRST = re.compile(r"[\s*_`\"'\[\](){}#]*(?:(?:Answer\W{1,4})?(?:Response|Option)\s+)?(\w+)(?![\w'’-])")
"""The first word of a text, without what is put around a label."""
_STOPS = re.compile(r"[\s*_`\"'\[\](){}]*(?:$|\n|[.!:;,)](?!\d))")


def label_logprobs(request: ScoreRequest, known: Mapping[str, float]) -> tuple[float, ...]:
    """Log-probability of each continuation among the candidates, which are the likeliest tokens.

    A label of which no spelling is among them has at most what the last of them has: that much it is given, so that
    nobody is surer than the server has told. NaN where that is too much to tell anything.
    """
    said = [known.get(text) for text in request.continuations]
    labels = [text.strip().lower() for text in request.continuations]
    told = {label for label, value in zip(labels, said, strict=True) if value is not None}
    missing = list(dict.fromkeys(label for label in labels if label not in told))
    bound = _most_unlisted(known) / max(1, len(missing)) if missing else 0.0
    bound = min(bound, min(map(math.exp, known.values()), default=1.0))
    heard = math.fsum(math.exp(value) for value in said if value is not None)
    readable = heard + bound * len(missing) >= MIN_TOLD
    if missing and readable and (len(known) < 2 or bound * len(missing) > MAX_UNTOLD * heard):
        bound = math.nan
    given = {labels.index(label): bound for label in missing} if readable else {}
    floor = math.log(FLOOR)
    return tuple(
        max(value, floor)
        if value is not None
        else math.nan
        if math.isnan(share := given.get(place, 0.0))
        else math.log(max(share, FLOOR))
        for place, value in enumerate(said)
    )


def _most_unlisted(known: Mapping[str, float]) -> float:
    """The probability of all tokens together that are not among the candidates."""
    return max(0.0, 1 - math.fsum(map(math.exp, known.values())))


def vote_logprobs(request: ScoreRequest, said: Sequence[str]) -> tuple[float, ...]:
    """Log of the share of sampled texts that are each continuation; a text counts for one of them at most."""
    votes = dict.fromkeys(request.continuations, 0)
    for text in said:
        begun = _begins_with(text, votes)
        if begun is not None:
            votes[begun] += 1
    return tuple(math.log(max(votes[each] / len(said), FLOOR)) for each in request.continuations)


def verdict_of(request: ScoreRequest, text: str) -> str:
    """The part of a written answer in which its label stands.

    Where a thought is asked for, a model may write all of it into its answer: then the label stands behind the last
    of what was to end the thought, or to come before the label.
    """
    if request.thinking is None:
        return text
    heads = [each for each in (request.assistant_prefix.strip(), *request.thinking.stop) if each.strip()]
    found = [text.rfind(each) + len(each) for each in heads if each in text]
    return text[max(found, default=0) :]


def may_be_shares(logprobs: Sequence[float], votes: int) -> bool:
    """Whether log-probabilities of labels may be shares of so many votes."""
    shares = [math.exp(each) * votes for each in logprobs]
    return all(abs(each - round(each)) < 1e-6 for each in shares)


def _begins_with(text: str, labels: Iterable[str]) -> str | None:
    """The label that a text is, or begins with: `**A**`, `Yes, it does`; the letter A of `A good one` is none."""
    listed = list(labels)
    exact = [each for each in listed if each == text] or [
        each for each in listed if each.strip() == text.strip()
    ]
    if exact:
        return exact[0]
    first = _FIRST.match(text)
    if first is None:
        return None
    word, rest = first[1], text[first.end() :]
    # a letter or number alone ends its line, or a stop stands behind it; a word may begin a sentence
    if len(word) < 2 and not _STOPS.match(rest):
        return None
    same = [each for each in listed if each.strip() == word] or [
        each for each in listed if len(word) > 1 and each.strip().lower() == word.lower()
    ]
    return same[0] if same else None
