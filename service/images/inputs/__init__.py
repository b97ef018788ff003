"""Images that callers bring: decoded in a limited process, prepared at a size, stored by digest."""
