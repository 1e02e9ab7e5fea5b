"""Prices of tokens and budgets of commands. Calls no model."""

from rlaif.costs.budget import Budget, read_budget
from rlaif.costs.prices import Price, Prices, copy_prices, read_prices

__all__ = ["Budget", "Price", "Prices", "copy_prices", "read_budget", "read_prices"]
