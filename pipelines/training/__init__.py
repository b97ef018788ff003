"""Trains the bundled model: scenes, captions, tokenizer, autoencoder, diffusion and evaluation.

The serving code never imports this package.
"""
