"""The batching engine: a worker process that owns the device, and the async facade in front of it."""
