"""Durable jobs: an accepted job is on disk, is run by one process at a time, and ends exactly once."""
