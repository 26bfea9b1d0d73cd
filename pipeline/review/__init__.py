"""What a reviewer looks at: one model of plan, change set, comparison and run, which every format renders."""
