"""Model families, one package each. Importing this package registers them: each family has one import line here."""

from __future__ import annotations

from pipelines.families.sdxl import family as _sdxl  # noqa: F401 -- registers itself
from pipelines.families.stable_diffusion import family as _stable_diffusion  # noqa: F401 -- registers itself
