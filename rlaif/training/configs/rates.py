"""The learning rate of a model that nobody chose one for: by its size."""

from __future__ import annotations

_RATES = ((10_000_000, 3e-4), (200_000_000, 1e-5), (1_500_000_000, 2e-6))
LARGE_RATE, LORA_FACTOR, MOST = 5e-7, 20.0, 1e-3


def rate_of_size(parameters: int, *, adapter: bool) -> float:
    """Small models need large steps: 3e-4 up to 10 M parameters .. 5e-7; adapters 20 times that."""
    rate = next((rate for limit, rate in _RATES if parameters <= limit), LARGE_RATE)
    return min(rate * LORA_FACTOR, MOST) if adapter else rate
