"""A model as we run it, and as diffusers does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion

Pair: TypeAlias = Callable[[str], tuple[LatentDiffusion, Any]]
"""Gives our pipeline and diffusers' own for a kind of the zoo. Both are loaded when they are first asked for."""
