"""Estimates the costs of work in device seconds. Pure, except for the cache on disk."""
