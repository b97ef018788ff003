"""Puts the pixels that a mask keeps back into a finished image. The autoencoder has changed them a little.

Runs in the worker's process.
"""

from __future__ import annotations

from PIL import Image

from pipelines.interface import InputPixels, RgbImage


def put_back(made: RgbImage, original: InputPixels, mask: InputPixels) -> RgbImage:
    """Returns the made image where the mask is white, the original where it is black, and a mixture in between.

    All three have one size. The result is that of diffusers' `VaeImageProcessor.apply_overlay`.
    """
    size = made.width, made.height
    above, below = (Image.frombytes("RGB", size, each.pixels) for each in (made, original))
    return RgbImage(*size, Image.composite(above, below, Image.frombytes("L", size, mask.pixels)).tobytes())
