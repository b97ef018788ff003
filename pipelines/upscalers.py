"""The table of upscalers of the hires fix: from the first pass's latents to those with which the second begins.

Torch-free. `docs/inputs.md` has the measured effect of each, and `starts.upscaling` of the families' shared core does
the mathematics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipelines.errors import InvalidParamsError
from pipelines.registry import Registry


@dataclass(frozen=True, slots=True)
class Upscaler:
    """One way to enlarge the first pass of a hires fix."""

    name: str
    """The public name."""
    label: str
    """The name that AUTOMATIC1111's web UI shows, where it has this upscaler."""
    mode: str
    """The mode of torch.nn.functional.interpolate, or lanczos."""
    antialias: bool = False
    decoded: bool = False
    """Whether pixels are enlarged: the latents are decoded, and encoded again at the new size. Otherwise the latents
    themselves are enlarged. That costs nothing and needs a higher strength, because enlarged latents are not those of
    any image.
    """


_TABLE: Final = (
    Upscaler("bilinear", "Latent", "bilinear"),
    Upscaler("bilinear-antialiased", "Latent (antialiased)", "bilinear", antialias=True),
    Upscaler("bicubic", "Latent (bicubic)", "bicubic"),
    Upscaler("bicubic-antialiased", "Latent (bicubic antialiased)", "bicubic", antialias=True),
    Upscaler("nearest", "Latent (nearest)", "nearest"),
    Upscaler("nearest-exact", "Latent (nearest-exact)", "nearest-exact"),
    Upscaler("area", "Latent (area)", "area"),
    Upscaler("decoded", "Lanczos", "lanczos", decoded=True),
)


def _normalize(name: str) -> str:
    return "-".join(name.lower().replace("-", " ").replace("_", " ").split())


def _registered() -> Registry[Upscaler]:
    registry: Registry[Upscaler] = Registry("upscaler", normalize=_normalize)
    for upscaler in _TABLE:
        registry.register(upscaler.name, upscaler.label)(upscaler)
    return registry


UPSCALERS: Final[Registry[Upscaler]] = _registered()
"""All upscalers by public name, in the order in which they are listed."""


def find(name: str) -> Upscaler:
    """Return the upscaler with that name. Raises `InvalidParamsError`, whose message lists the known names."""
    upscaler = UPSCALERS.find(name)
    if upscaler is None:
        raise InvalidParamsError("hires", f"Unknown upscaler. Known upscalers: {', '.join(UPSCALERS)}.")
    return upscaler
