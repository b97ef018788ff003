"""Sends one signed request to a caller's address, and reaches no inner address by it. Knows no jobs and no database."""
