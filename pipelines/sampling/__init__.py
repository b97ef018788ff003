"""Samplers: the public table, and the diffusers schedulers that do the mathematics."""
