"""`process-product`: a completion by a process reward model that is asked of each of its steps (2305.20050)."""

from __future__ import annotations

from rlaif.judging.step_rewards import process_protocol, product

PROTOCOL = process_protocol(
    "process-product",
    "the product of P(right) of all steps by a process reward model",
    product,
)
