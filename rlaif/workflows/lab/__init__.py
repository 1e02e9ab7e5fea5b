"""`rlaif lab`: instruments that measure feedback methods where the truth is known."""
