"""What one connection may do, and how many there may be: bounds that no ASGI middleware can hold."""
