"""The jobs table as a queue: orders the waiting jobs, takes them, and puts those back whose process died."""
