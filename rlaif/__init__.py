"""Reinforcement learning from AI feedback and constitutional training of language models."""
