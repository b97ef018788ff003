"""The training stages, each with its model, loss and batches: tokenizer, autoencoder, text encoder, diffusion."""
