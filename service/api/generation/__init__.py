"""The request that all dialects share, and the code that turns it into generation parameters."""
