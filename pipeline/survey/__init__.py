"""Frame to findings, column roles, access rows and cohorts; drafts the plan."""
