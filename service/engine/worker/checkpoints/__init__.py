"""Checkpoints of begun images: their bytes, taking and sending them, and resuming images from them."""
