"""Image files: encoding, the metadata inside them, and their storage on disk."""
