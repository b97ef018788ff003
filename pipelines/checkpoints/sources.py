"""Finds what a user named: a folder, a single file or a hub snapshot, and the name that it is served by.

Looks at names and links only. `inspection` says whether a model can be made of what was found.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipelines.checkpoints import hub as model_hub
from pipelines.checkpoints.dtypes import DtypeChoice
from pipelines.checkpoints.files import model_index, weight_files
from pipelines.checkpoints.hub import Hub, HubUnreachableError, HuggingFaceHub
from pipelines.errors import ModelLoadError
from pipelines.integrity.file_access import ANY_FILES, FileAccess

_HUB_ID: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_SUFFIX: Final = ".safetensors"
_QUANTIZED: Final = ".gguf"
_DOWNLOAD_AGAIN: Final = "Download the model again, or ask whoever made the folder."
_ALLOW_DOWNLOAD: Final = "Add --allow-download to fetch what the hub's cache lacks."

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Files that a user named. They exist, and nothing is known of their content."""

    name: str
    """The name that the model is served by: the hub id, or the name of the folder or file as it was typed, without
    ".safetensors". A link is called by its own name, not by its target's."""
    path: Path
    """A folder, or a single `.safetensors` file. Absolute. Links in it are kept, so that what is found beside it is
    what the user sees."""
    hub_id: str | None = None
    """The hub's id of the repository, if `path` is a snapshot in a hub cache."""
    boundary: Path | None = None
    """The folder that links must not leave. None for a path that the user named: its links may lead anywhere."""
    remedy: str = _DOWNLOAD_AGAIN
    """A sentence that says what to do about files that are missing."""
    files: FileAccess = ANY_FILES
    """Opens the files."""

    @property
    def is_file(self) -> bool:
        """Whether it is a single file, to be read by `single_file`."""
        return self.path.is_file()


def find(
    model: str,
    *,
    roots: Sequence[Path] = (),
    allow_download: bool = False,
    dtype: DtypeChoice = DtypeChoice(),  # noqa: B008 -- frozen
    report: Callable[[], object] = lambda: None,
    hub: Hub | None = None,
    files: FileAccess = ANY_FILES,
) -> Source:
    """Find a model by its name below one of `roots`, by its path, or by its hub id. Raises `ModelLoadError`.

    A hub id that is in the hub's local cache needs no permission to download. A download fetches each part's weights in
    the one form that suits `dtype`; `report` is called, from any thread, whenever something has arrived. `hub` defaults
    to the Hugging Face hub. `files` opens the files of the source that is returned.
    """
    named = next(_in_roots(model, roots), None) or _expanded(model)
    if named.exists():
        return replace(_from_path(named), files=files)
    if not _HUB_ID.fullmatch(model):
        raise ModelLoadError(
            f"There is no folder or file {named}. Name a folder in the diffusers layout, a .safetensors file, or a hub "
            "id such as owner/name; `darkroom models` lists the models that are here."
        )
    source = _from_hub(model, hub or HuggingFaceHub(), dtype, report, files, allow_download=allow_download)
    return replace(source, files=files)


def _in_roots(model: str, roots: Sequence[Path]) -> Iterator[Path]:
    if not model or Path(model).is_absolute() or {".", "..", "~"} & set(Path(model).parts[:1]):
        return
    for root in roots:
        for path in (root.expanduser() / model, root.expanduser() / f"{model}{_SUFFIX}"):
            if path.exists() and ".." not in path.parts:
                yield path


def _expanded(model: str) -> Path:
    try:
        return Path(model or "no name").expanduser()
    except RuntimeError as error:  # ~name of a user that there is not
        raise ModelLoadError(f"There is no folder {model}: {error}.") from error


def _from_path(path: Path) -> Source:
    path = path.absolute()
    if path.name == "..":
        path = path.resolve()
    if path.is_file():
        return _from_file(path)
    hub_id = model_hub.hub_id_of(path)
    if hub_id is not None:
        return Source(name=hub_id, path=model_hub.snapshot_of(path), hub_id=hub_id)
    if path.parent.name == "snapshots":
        hub_id = model_hub.hub_id_of(path.parents[1])
    return Source(name=hub_id or path.name, path=path, hub_id=hub_id)


def _from_file(path: Path) -> Source:
    if path.name == model_index.FILE_NAME:
        return _from_path(path.parent)
    if path.suffix.lower() == _SUFFIX:
        return Source(name=path.stem, path=path)
    if weight_files.find_pickles([path.name]):
        raise ModelLoadError(
            f"{path} is a pickle checkpoint, which could run code; only safetensors are loaded. Look for the same "
            "model as a .safetensors file."
        )
    if path.suffix.lower() == _QUANTIZED:
        raise ModelLoadError(
            f"{path} is a GGUF file, whose weights are quantized; only safetensors are loaded. Look for the same model "
            "as a .safetensors file."
        )
    raise ModelLoadError(f"{path} is not a model. Name a folder in the diffusers layout or a .safetensors file.")


def _from_hub(
    hub_id: str,
    hub: Hub,
    dtype: DtypeChoice,
    report: Callable[[], object],
    files: FileAccess,
    *,
    allow_download: bool,
) -> Source:
    cached = hub.find_cached(hub_id)
    if allow_download:
        try:
            snapshot = model_hub.download(hub_id, dtype, report, hub, files)
            return _snapshot(hub_id, snapshot, _DOWNLOAD_AGAIN)
        except HubUnreachableError as error:
            if cached is None:
                raise
            _log.warning("%s The files of %s in the hub's cache are used.", error, hub_id)
    if cached is None:
        raise ModelLoadError(
            f"There is no folder {hub_id}, it is not in the hub's cache, and downloads from the hub are not allowed. "
            "Add --allow-download to fetch it."
        )
    return _snapshot(hub_id, cached, _ALLOW_DOWNLOAD)


def _snapshot(hub_id: str, snapshot: Path, remedy: str) -> Source:
    # The hub's cache links snapshots/<revision>/<file> to blobs/<hash>, two folders up.
    return Source(name=hub_id, path=snapshot, hub_id=hub_id, boundary=snapshot.parents[1], remedy=remedy)
