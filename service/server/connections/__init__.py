"""Bounds connections, in number and in what each may do, where no ASGI middleware can."""
