"""Finds what a user named: a folder, a single file or a hub snapshot, and the name that it is served by.

Looks at names and links only. `inspection` says whether a model can be made of what was found.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Files that a user named. They exist, and nothing is known of their content."""

    name: str
    """The name that the model is served by: the hub id, or the name of the folder or file as it was typed, without
    ".safetensors". A link is called by its own name, not by its target's."""
    path: Path
    """A folder (with `model_index.json`, or so it is hoped), or a single `.safetensors` file. Absolute; links in it are
    kept, so that names beside it are those that the user sees."""
    hub_id: str | None = None
    """The hub's id of the repository, if `path` is a snapshot in a hub cache."""
    boundary: Path | None = None
    """The folder that links must not leave. None for what the user named by path, who may link to where they like."""

    @property
    def is_file(self) -> bool:
        """Whether it is a single file, to be read by `single_file`."""
        return self.path.is_file()
