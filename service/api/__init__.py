"""HTTP dialects over one engine: one module each, and what they share."""
