"""Sets by name that a policy is measured on before and after: capability, safety on both sides, habits."""
