"""Online reinforcement learning: rollouts of the live policy, their rewards, advantages and updates."""
