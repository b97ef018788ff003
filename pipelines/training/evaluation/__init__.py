"""Scoring: whether an image shows what its prompt asks for."""
