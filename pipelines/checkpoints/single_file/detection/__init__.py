"""What a file is, by its name, its first bytes and its keys."""
