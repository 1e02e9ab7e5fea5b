"""`rlaif generate` and `rlaif judge`: prompts to preference pairs. Start at `run.py`."""
