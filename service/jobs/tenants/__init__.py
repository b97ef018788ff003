"""Counts each tenant's jobs and bytes in the store, and lets a caller's quotas refuse a job."""
