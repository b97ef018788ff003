"""Model folders: what may be loaded, how a model is served, and the loader."""
