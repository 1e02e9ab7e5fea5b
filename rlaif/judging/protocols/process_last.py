"""`process-last`: a completion by a process reward model that is asked of each of its steps (its last value)."""

from __future__ import annotations

from rlaif.judging.step_rewards import last, process_protocol

PROTOCOL = process_protocol(
    "process-last",
    "P(right) of the last step by a process reward model",
    last,
)
