"""The values that calls return. Does no I/O, except to save an image."""
