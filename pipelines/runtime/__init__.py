"""How networks run on a batch: as it comes, padded, batch-invariant or compiled."""
