"""Simulates scheduling policies in virtual time: the engine's own scheduler and common alternatives."""
