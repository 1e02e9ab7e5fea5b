"""`rlaif rbr`: rule-based rewards, from propositions to fitted weights."""
