"""Latent diffusion with a UNet: the part that the families share."""
