"""The plan: reviewed desired state. Model, meaning (digest, rules) and file are separate modules."""
