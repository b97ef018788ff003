"""Tells the kind of a file by its name, its first bytes and its keys."""
