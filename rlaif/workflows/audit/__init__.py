"""`rlaif audit`: statistics over a run, two runs compared, one pair shown. Start at `run.py`."""
