"""The request that all dialects share, and how it becomes generation parameters."""
