"""`rlaif constitution impact`: what an edit of a constitution changes in runs that are there. Start at `run.py`."""
