"""Notifies readers of what happens to a job."""
