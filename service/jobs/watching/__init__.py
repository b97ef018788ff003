"""Tells readers what happens to a job."""
