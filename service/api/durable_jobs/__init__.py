"""Accepts durable jobs, waits for their ends and lists them, for the routes of every dialect."""
