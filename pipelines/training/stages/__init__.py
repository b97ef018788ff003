"""The training stages, from the tokenizer to the UNet."""
