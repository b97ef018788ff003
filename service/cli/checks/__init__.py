"""Checks what the settings name before a server starts, as `darkroom check` does. Changes nothing."""
