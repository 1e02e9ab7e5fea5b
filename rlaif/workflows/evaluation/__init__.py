"""`rlaif evaluate`: how good a policy is, by gold, by a judge and against others. Start at `run.py`."""
