"""The verbs behind both doors, one module a family; the only place that wires the parts together."""
