"""Following a job's events."""
