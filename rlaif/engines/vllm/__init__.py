"""Models in vLLM, in this process."""
