"""The HTTP dialects, one package each. A dialect never imports another."""
