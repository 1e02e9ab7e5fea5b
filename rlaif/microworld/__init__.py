"""A closed little language with computable truth, and the small models that speak it (DESIGN 7)."""
