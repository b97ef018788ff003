"""The declarations of the settings, grouped by subject."""
