"""Connections to the database, the threads that write through them, and what their errors mean. Knows no tables."""
