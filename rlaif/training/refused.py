"""Why a pair or an example is not trained on, and what to do about it."""

from __future__ import annotations

from enum import StrEnum


class Refused(StrEnum):
    """Why a pair or an example is not trained on."""

    TURNS = "turns"
    """A side does not end with a turn of the assistant."""
    EMPTY = "empty"
    SAME = "same"
    ROUND_TRIP = "round_trip"
    """The ids do not decode to the text."""
    END_TOKEN = "end_token"
    """The text itself spells a token of turns or ends: letter by letter it would be learned to be typed."""
    TEMPLATE = "template"
    """The model's chat template does not take the prompt, or its tokenizer cannot read it."""
    RENDERED = "rendered"
    """The prompt was already written by a chat template: the model would read one inside the other."""
    UNWRITTEN = "unwritten"
    """Nothing tells which tokens the model writes for a thought or a call of a tool where it would write them."""
    WEIGHT = "weight"
    """A turn has a weight other than 0, which is not to be learned, and 1."""
    UNLEARNED = "unlearned"
    """Each turn of a side has the weight 0: nothing of it is to be learned."""
    TOO_LONG = "too_long"
    TRUNCATED = "truncated"
    """An answer was cut off when it was sampled, or its thought never ended."""
    TEACHER_TOO_LONG = "teacher_too_long"
    """What a teacher is shown, with the answer, has no room in the model."""
    UNALIGNED = "unaligned"
    """Behind what the teacher is shown the answer is written in other tokens."""


REMEDIES = {
    Refused.TURNS: "each side must end with the assistant's turn",
    Refused.EMPTY: "a side has no text",
    Refused.SAME: "both sides are the same text",
    Refused.ROUND_TRIP: "this model's tokenizer cannot write the text; train another model",
    Refused.END_TOKEN: "an answer spells a control token, such as the end of a turn; remove it",
    Refused.TEMPLATE: "the model's chat template does not take the prompt; give its turns in the order that it knows",
    Refused.RENDERED: "the prompt holds a chat template's marks; give the conversation as turns",
    Refused.UNWRITTEN: "the model's chat template does not write such a thought or call of a tool; train on what the "
    "model itself sampled, set train_on: answer for a thought, or train another model",
    Refused.WEIGHT: "a turn is learned or not, by a weight of 1 or 0; set one of these, or `weight` of the whole row",
    Refused.UNLEARNED: "all turns that were to be learned have the weight 0; leave such rows out",
    Refused.TOO_LONG: "prompt and answer exceed the model's room, or max_length; shorten them or train another model",
    Refused.TRUNCATED: "an answer was cut off; sample with more tokens, or set truncation: mask",
    Refused.TEACHER_TOO_LONG: "what the teacher is shown and the answer exceed the model's room, or max_length: "
    "show it less",
    Refused.UNALIGNED: "behind the teacher's turns the chat template writes the answer in other tokens than behind the "
    "student's; end both with the same turn",
}
"""What each reason says to whoever brought the data."""
