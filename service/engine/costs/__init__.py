"""Estimates of what work costs in device seconds. Pure, except for the cache on disk."""
