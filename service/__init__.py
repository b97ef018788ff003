"""The Darkroom server: engine, HTTP dialects, settings."""
