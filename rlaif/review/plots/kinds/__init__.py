"""The kinds of plot: `PLOT` of each file."""
