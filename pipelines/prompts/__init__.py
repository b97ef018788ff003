"""Turns prompts into the tokens that text encoders read."""
