"""Reads and draws image files with Pillow. Knows no server."""
