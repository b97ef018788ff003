"""Finds models in the hub's local cache, and downloads them into it: only the files that the family opens.

The configurations come first. So a model that is not supported is refused before its weights are fetched, and each
part's weights are fetched in the one form that suits the dtype.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final, Protocol

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
from huggingface_hub.utils.tqdm import tqdm

from pipelines.checkpoints import profile
from pipelines.checkpoints.dtypes import DtypeChoice
from pipelines.checkpoints.files import folder_configs, model_index, weight_files
from pipelines.checkpoints.files.folder_configs import FolderConfigs
from pipelines.checkpoints.files.model_index import ModelIndex
from pipelines.errors import ModelLoadError
from pipelines.integrity.file_access import ANY_FILES, FileAccess

_PREFIX: Final = "models--"
_CONFIG_SUFFIXES: Final = (".json", ".txt")
_INDEX_OF_SHARDS: Final = ".safetensors.index"


class HubUnreachableError(ModelLoadError):
    """The hub did not answer, or refused. A copy in its local cache may still be used."""


class Hub(Protocol):
    """Repositories of models, and a local cache of them."""

    def find_cached(self, hub_id: str) -> Path | None:
        """Return the folder with the files of the repository that are here, or None if there are none."""

    def list_files(self, hub_id: str) -> list[str]:
        """Return the paths of all files of the repository. Raises `HubUnreachableError` or `ModelLoadError`."""

    def fetch(self, hub_id: str, paths: Collection[str], report: Callable[[], object]) -> Path:
        """Fetch files and return the folder that they are in. Raises `ModelLoadError`.

        `report` is called, from any thread, whenever something has arrived, and not while a download is stuck.
        """


class HuggingFaceHub:
    """Implements `Hub` by huggingface_hub."""

    def __init__(self, endpoint: str | None = None, cache: Path | None = None) -> None:
        """The defaults are huggingface_hub's own, which its environment variables change."""
        self._endpoint = endpoint
        self._cache = cache or Path(constants.HF_HUB_CACHE)

    def find_cached(self, hub_id: str) -> Path | None:
        folder = self._cache / f"{_PREFIX}{hub_id.replace('/', '--')}"
        return _find_snapshot(folder) if folder.is_dir() else None

    def list_files(self, hub_id: str) -> list[str]:
        try:
            return [each.rfilename for each in HfApi(self._endpoint).model_info(hub_id).siblings or ()]
        except GatedRepoError as error:
            raise ModelLoadError(
                f"{hub_id} is open only to those who accepted its terms. Accept them on its page, and set HF_TOKEN to "
                "your token."
            ) from error
        except RepositoryNotFoundError as error:
            raise ModelLoadError(
                f"The hub has no repository {hub_id}, or it is private. Check the spelling; for a private one set "
                "HF_TOKEN to your token."
            ) from error
        except Exception as error:  # The HTTP library has its own kinds of errors.
            raise HubUnreachableError(_explain(hub_id, error)) from error

    def fetch(self, hub_id: str, paths: Collection[str], report: Callable[[], object]) -> Path:
        try:
            folder = snapshot_download(
                hub_id,
                endpoint=self._endpoint,
                cache_dir=self._cache,
                allow_patterns=[glob.escape(path) for path in paths],
                tqdm_class=_reporting_bar(report),
            )
        except Exception as error:  # The HTTP library has its own kinds of errors.
            raise ModelLoadError(_explain(hub_id, error)) from error
        return Path(folder)


def hub_id_of(folder: Path) -> str | None:
    """Return the hub id that a folder `models--owner--name` of a hub cache is for, and None for any other folder."""
    parts = folder.name.split("--", 2)
    is_cached = len(parts) == 3 and f"{parts[0]}--" == _PREFIX and (folder / "snapshots").is_dir()
    return "/".join(parts[1:]) if is_cached else None


def snapshot_of(folder: Path) -> Path:
    """Return the snapshot of a folder of a hub cache: that of its main branch, or the only one.

    Raises `ModelLoadError` where there is none, or where there are several and none is marked as the main one.
    """
    snapshot = _find_snapshot(folder)
    if snapshot is not None:
        return snapshot
    names = sorted(path.name for path in (folder / "snapshots").iterdir())
    if not names:
        raise ModelLoadError(f"{folder} has no snapshot. Download the model again.")
    raise ModelLoadError(
        f"{folder} has {len(names)} snapshots and no refs/main that says which to take. Name one of them, such as "
        f"{folder / 'snapshots' / names[0]}."
    )


def _find_snapshot(folder: Path) -> Path | None:
    snapshots = sorted(path for path in (folder / "snapshots").glob("*") if path.is_dir())
    main = folder / "refs" / "main"
    revision = main.read_text().strip() if main.is_file() else None
    by_ref = [path for path in snapshots if path.name == revision]
    return by_ref[0] if by_ref else (snapshots[0] if len(snapshots) == 1 else None)


def download(
    hub_id: str, dtype: DtypeChoice, report: Callable[[], object], hub: Hub, files: FileAccess = ANY_FILES
) -> Path:
    """Fetch what a hub id such as `owner/name` needs, and return the folder. Raises `ModelLoadError`."""
    names = hub.list_files(hub_id)
    if model_index.FILE_NAME not in names:
        raise ModelLoadError(_explain_no_index(hub_id, names))
    own = [name for name in (model_index.FILE_NAME, profile.FILE_NAME) if name in names]
    snapshot = hub.fetch(hub_id, own, report)
    index = model_index.read(snapshot / model_index.FILE_NAME, files)
    small = [*own, *_small_files(names, index)]
    snapshot = hub.fetch(hub_id, small, report)
    found = folder_configs.read(snapshot, snapshot.parents[1], f"The repository {hub_id} does not have it.", files)
    found.index.family.traits(snapshot, found.configs)
    in_dtype = dtype.resolve(found.configs.values())
    weights = [name for part in found.weighted_parts for name in _weights(hub_id, names, found, part, in_dtype)]
    return hub.fetch(hub_id, [*small, *weights], report)


def _small_files(names: Collection[str], index: ModelIndex) -> Iterator[str]:
    """Yield the configurations and tokenizers of the parts that the family opens."""
    for name in names:
        part, _, file = name.partition("/")
        if part in index.libraries and file.endswith(_CONFIG_SUFFIXES) and _INDEX_OF_SHARDS not in file:
            yield name


def _weights(hub_id: str, names: Collection[str], found: FolderConfigs, part: str, dtype: str) -> Iterator[str]:
    """Yield the files of the best form of a part's weights."""
    own = {name.removeprefix(f"{part}/") for name in names if name.startswith(f"{part}/")}
    stem = weight_files.STEMS[found.index.libraries[part]]
    form = next(weight_files.find_forms(own, stem, dtype), None)
    if form is None:
        raise ModelLoadError(
            weight_files.explain_absence(f"{hub_id}/{part}", own, "Look for another repository of the model.")
        )
    yield f"{part}/{form.file}"
    if form.is_index:
        yield from (f"{part}/{shard}" for shard in weight_files.find_shards(own, stem, form.variant))


def _explain_no_index(hub_id: str, names: Collection[str]) -> str:
    reason = f"{hub_id} is not a model in the diffusers layout: it has no {model_index.FILE_NAME}."
    single = next((name for name in sorted(names) if name.endswith(".safetensors") and "/" not in name), None)
    if single is None:
        return f"{reason} Look for a repository that has one."
    return f"{reason} Download {single} yourself, for example by `hf download {hub_id} {single}`, and name the file."


def _explain(hub_id: str, error: Exception) -> str:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return f"{hub_id} cannot be downloaded from the hub: {reason}"


def _reporting_bar(report: Callable[[], object]) -> type[tqdm]:
    class ReportingBar(tqdm):
        """A progress bar that reports each advance, whether or not it is shown."""

        def update(self, n: float | None = 1) -> bool | None:
            if n:
                report()
            return super().update(n)

    return ReportingBar
