"""Commands that work on the store of the settings, whether or not a server runs on it."""
