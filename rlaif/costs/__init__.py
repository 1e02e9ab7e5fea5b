"""What calls cost and how much of it may be spent. Knows tokens, prices and limits; asks no model."""

from rlaif.costs.budget import Budget, read_budget
from rlaif.costs.prices import Price, Prices, copy_prices, read_prices

__all__ = ["Budget", "Price", "Prices", "copy_prices", "read_budget", "read_prices"]
