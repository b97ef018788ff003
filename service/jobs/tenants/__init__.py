"""Counts what each tenant has in the store, and lets a caller's quotas refuse a job."""
