"""A change set carried out: executor, journal, lease, read-back, verification."""
