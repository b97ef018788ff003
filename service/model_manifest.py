"""Reads the operator's manifest of model files, the SHA-256 digests of those files that may be opened."""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import ManifestError
from pipelines.integrity import manifest
from pipelines.integrity.manifest import Manifest
from service.operator_file import read_operator_file


def read_manifest(path: Path) -> Manifest:
    """Returns the manifest. Raises `ManifestError`, with a sentence that names the file and the line."""
    try:
        return manifest.parse(read_operator_file(path, "choose the files of models"), path)
    except OSError as error:
        raise ManifestError(f"The model manifest {path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise ManifestError(str(error)) from error
