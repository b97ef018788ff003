"""The models of an engine: which there are, where they are, and what images of them cost."""
