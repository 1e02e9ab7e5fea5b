"""`rlaif lab table`: every shipped recipe in the microworld, under one budget and several judges, side by side."""
