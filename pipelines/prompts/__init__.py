"""From a prompt to what text encoders read of it."""
