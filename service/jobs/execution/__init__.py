"""Runs claimed jobs on the engine."""
