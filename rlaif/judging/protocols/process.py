"""`process`: a completion by a process reward model that is asked of each of its steps (2312.08935)."""

from __future__ import annotations

from rlaif.judging.step_rewards import least, process_protocol

PROTOCOL = process_protocol(
    "process",
    "P(right) of each step by a process reward model; the least counts",
    least,
)
