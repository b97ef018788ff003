"""The models of an engine: their names, where they are, and the prices of their images."""
