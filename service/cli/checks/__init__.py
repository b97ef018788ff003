"""Checks everything that the settings name before a server starts, for `darkroom check`. Changes nothing."""
