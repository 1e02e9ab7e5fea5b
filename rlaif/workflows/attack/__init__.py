"""`rlaif attack`: texts that a reward scores above honest answers though they are worth nothing. Start at `run.py`."""
