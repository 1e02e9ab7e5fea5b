"""Clients of `rlaif serve-reward` for other trainers; they need the standard library alone: copy the folder."""
