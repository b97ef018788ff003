"""The native API of durable jobs, under /api/v1."""
