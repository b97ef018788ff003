"""Connections to the database, threads that write through them, and the meaning of their errors. Knows no tables."""
