"""Bounds the number of connections and what each may do, where no ASGI middleware can."""
