"""The jobs table as a queue: which jobs wait, how they are taken, and what becomes of those whose process died."""
