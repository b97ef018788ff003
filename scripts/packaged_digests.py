"""Writes `pipelines/models.sha256`, the digests of the model files that ship: `python -m scripts.packaged_digests`.

`sha256sum -c models.sha256` checks them in the folder `pipelines`.
"""

from __future__ import annotations

from pipelines.integrity.digests import Digests
from pipelines.integrity.manifest import PACKAGED, render

FOLDERS = ("bundled", "checkpoints/configs")
_NOT_OPENED = ("README.md", "training.json")


def packaged() -> str:
    """The text of the manifest."""
    root, digests = PACKAGED.parent, Digests()
    found = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file()]
    return render({path: digests.of(path) for path in found if path.name not in _NOT_OPENED}, root)


if __name__ == "__main__":
    PACKAGED.write_text(packaged())
