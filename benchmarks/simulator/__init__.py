"""Scheduling policies against one another, in virtual time: the engine's own scheduler, and what others do."""
