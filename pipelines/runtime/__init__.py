"""Runs networks on batches: unpadded, padded, batch-invariant, compiled or recorded as graphs."""
