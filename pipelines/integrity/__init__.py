"""Compares the files of models with digests that were reviewed."""
