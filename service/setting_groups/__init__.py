"""The declarations of the settings, by what they decide."""
