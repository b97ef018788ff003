"""What the routes of every dialect of durable jobs do with them: accept, wait, list."""
