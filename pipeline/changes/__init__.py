"""Plan and snapshot in, change set out: pure comparison, limits and waves."""
