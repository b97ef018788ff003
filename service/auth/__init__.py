"""Identifies callers by their keys, and enforces their roles and quotas. Knows no HTTP."""
