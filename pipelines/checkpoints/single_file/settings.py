"""Reads what a user says about a single file: the settings file, and the folder of configurations, beside it.

For `x.safetensors`, the settings file is `x.darkroom.json` and the folder is `x`. Both are optional.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec

from pipelines.checkpoints import profile
from pipelines.checkpoints.profile import Profile
from pipelines.errors import ModelLoadError
from pipelines.integrity.file_access import ANY_FILES, FileAccess

SUFFIX: Final = f".{profile.FILE_NAME}"
_VAE_SUFFIX: Final = ".vae.safetensors"
"""An autoencoder with this name beside the model is used, as in A1111."""


class FileSettings(Profile, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The schema of the settings file: how the model is served, and what its file does not say.

    Paths are relative to the folder of the settings file, and may begin with "~".
    """

    prediction_type: Literal["epsilon", "v_prediction"] | None = None
    zero_terminal_snr: bool | None = None
    """Whether the model's noise ends at pure noise (arXiv:2305.08891)."""
    ema: bool = False
    """Whether the averaged (EMA) weights of the UNet are taken from a file that also has the plain ones."""
    vae: str | None = None
    """File or folder of another autoencoder."""
    vae_upcast: bool | None = None
    """Whether the autoencoder runs in float32 whatever the model's dtype. None is what its configuration says."""
    text_encoder: str | None = None
    text_encoder_2: str | None = None
    """Files or folders of other text encoders."""


_SETTINGS: Final = msgspec.json.Decoder(FileSettings)


def settings_path(path: Path) -> Path:
    return path.with_name(path.stem + SUFFIX)


def companion(path: Path) -> Path:
    """The folder that may hold configurations and a tokenizer for the file, in the diffusers layout."""
    return path.with_suffix("")


def read(path: Path, files: FileAccess = ANY_FILES) -> FileSettings:
    """Read the settings of the file at `path`, or return all defaults. Raises `ModelLoadError`."""
    return profile.read_file(settings_path(path), _SETTINGS, files)


def find_override(path: Path, settings: FileSettings, part: str) -> Path | None:
    """Return the file or folder that the user gave for a part, or None. Raises `ModelLoadError` if it is not there."""
    named: str | None = getattr(settings, part, None)
    if named is None:
        beside = path.with_name(path.stem + _VAE_SUFFIX)
        return beside if part == "vae" and beside.is_file() else None
    # Where the settings file is a link, paths are relative to the folder of its target.
    found = settings_path(path).resolve().parent / Path(named).expanduser()
    if not found.exists():
        raise ModelLoadError(f"{settings_path(path)}: {part} names {found}, which does not exist.")
    return found
