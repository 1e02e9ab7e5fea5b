"""Models on a Ray cluster, one engine an actor."""
