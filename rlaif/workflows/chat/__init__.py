"""Talking to a model, with or without its rules, and side by side with another."""
