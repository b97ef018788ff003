"""AUTOMATIC1111's texts: prompts with weights, and the parameters of an image."""
