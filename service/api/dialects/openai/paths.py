"""The paths by which clients mean the routes of this dialect: with another base URL, other slashes, or Azure's."""

from __future__ import annotations

from typing import Final

_ROOTS: Final = (("openai", "v1"), ("openai",), ("v1", "v1"), ("v1",), ())
"""The first segments of paths: those of Azure's base URLs and of OpenAI's, `v1` twice for clients that add their own to
the base URL, and none, for a base URL without `/v1`."""
_NAMES: Final = ("images", "models", "deployments")
"""The first names behind them."""


def own_path(path: str) -> str:
    """Returns the path of the route that `path` means; `path` itself where it means none of this dialect."""
    names = [name for name in path.split("/") if name]
    root = next(root for root in _ROOTS if tuple(names[: len(root)]) == root)
    rest = names[len(root) :]
    return "/".join(("", "v1", *rest)) if rest and rest[0] in _NAMES else path
