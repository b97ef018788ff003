"""Webhooks: requests to callers' addresses that tell what has become of their jobs."""
