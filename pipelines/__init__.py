"""Text-to-image models as the calls that the engine batches. No HTTP, no queues, no environment variables."""
