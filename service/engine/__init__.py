"""The batching engine: an asynchronous frontend in the server's process, and a worker process that owns the device."""
