"""Writes to the terminal: progress, images and JSON."""
