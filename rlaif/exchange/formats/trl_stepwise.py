"""TRL's stepwise supervision, which process reward models learn from: the steps of an answer, right or wrong."""

from __future__ import annotations

from rlaif.exchange.format import ExampleFormat, Format
from rlaif.exchange.stepwise import stepwise_rows

FORMAT = Format(
    name="trl-stepwise",
    help="TRL's stepwise supervision, of the labelled steps that a step `step-labels` made",
    examples=ExampleFormat(
        shape="`prompt`, `completions`: steps, `labels`: true or false", write=stepwise_rows
    ),
)
