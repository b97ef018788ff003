"""How networks run on a batch: unpadded, padded, batch-invariant or compiled."""
