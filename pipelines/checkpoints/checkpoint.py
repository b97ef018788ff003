"""A model on disk that can be loaded: its family, its configurations and the files of its weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipelines.checkpoints.profile import Profile
from pipelines.families.base import Family
from pipelines.integrity.file_access import ANY_FILES, FileAccess

_SAMPLES: Final = 64
_SAMPLE_BYTES: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model on disk that can be loaded: all that is known of it before its weights are read.

    `inspect` makes one of a folder and `single_file` of a file.
    """

    name: str
    """The name that the model is served by."""
    path: Path
    """The folder or file that the user named, for messages."""
    family: Family[Any]
    classes: Mapping[str, Any]
    """For each part that the family opens (unet, vae, tokenizer ...), the class that loads it."""
    configs: Mapping[str, Mapping[str, Any]]
    """For each part its configuration. That of `scheduler` has all defaults of its class filled in, and `model_index`
    has what the index says of the whole model."""
    weights: Mapping[str, tuple[Path, ...]]
    """For each part with weights, its safetensors files: one, or all shards. Their headers have been checked. For a
    single file, each part has that file, or the file that overrides the part (a VAE)."""
    support_files: Mapping[str, Mapping[str, Path]]
    """For each tokenizer the files that its class reads, by the name under which it looks for them, such as vocab.json.
    They are copied to a private folder that is handed to the library."""
    single_file: Path | None = None
    """The file in the original key layout that the weights are in. None for a folder."""
    ema: bool = False
    """Whether the averaged weights of a single file are taken."""
    dtype: str
    """float32, float16 or bfloat16: the dtype that it is loaded in and that the variant was chosen for."""
    profile: Profile
    """The model's darkroom.json, or all defaults."""
    files: FileAccess = ANY_FILES
    """Opens the files that are read when it is loaded."""
    notes: tuple[str, ...] = ()
    """Sentences for people: which variant was taken, and what was left aside."""

    def fingerprint(self) -> str:
        """Return a digest of all configurations, and of the names, the sizes and samples of the files of the weights.

        What a call costs is the same for models with equal fingerprints, and so are their images: training changes
        numbers all over a file.
        """
        files = {part: [(path.name, *_sampled(path)) for path in paths] for part, paths in self.weights.items()}
        content = json.dumps([dict(self.configs), files], sort_keys=True, default=str)
        return hashlib.sha256(content.encode()).hexdigest()


def _sampled(path: Path) -> tuple[int, str]:
    """Return a file's size, and a digest of blocks that are spread evenly over it, the last one included."""
    size, digest = path.stat().st_size, hashlib.sha256()
    with path.open("rb") as file:
        for sample in range(_SAMPLES):
            file.seek(max(size - _SAMPLE_BYTES, 0) * sample // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))
    return size, digest.hexdigest()
