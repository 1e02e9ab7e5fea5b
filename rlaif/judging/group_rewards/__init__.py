"""Rewards of whole groups for RL: the completions of a prompt judged side by side, and several rewards put together.

A reward may be any judge: asked of each completion (`pointwise_part`), of neighbours in a circle (`circular_part`), or
fitted, trained or written by somebody. `combined` makes one number of several, `together` is its arithmetic, and
`probe` tries it on a few completions before anything is trained. A failure is never a number.
"""
