"""The stages of an image: each starts the calls of one stage and collects their results."""
