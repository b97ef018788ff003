"""Durable jobs: what was accepted is on disk, is made by one process at a time, and ends exactly once."""
