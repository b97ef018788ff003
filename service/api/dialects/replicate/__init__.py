"""Replicate's API of predictions, over durable jobs."""
