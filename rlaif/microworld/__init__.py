"""A closed small language with computable truth, and the small models that speak it."""
