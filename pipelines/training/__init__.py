"""How the bundled model was made: scenes, captions, tokenizer, autoencoder, diffusion and evaluation.

Nothing that serves images imports this package.
"""
