"""Model architectures, one package each: how a family encodes prompts, denoises and decodes."""
