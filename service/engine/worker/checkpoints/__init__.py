"""Checkpoints of begun images: what they hold, when they are taken, and whether an image can be resumed from one."""
