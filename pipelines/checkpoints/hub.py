"""Downloads a model from the hub into the hub's local cache, and reports that it arrives.

Only the files that a pipeline may need are fetched, each in one format.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils.tqdm import tqdm

from pipelines.checkpoints import profile
from pipelines.errors import ModelLoadError

_WANTED_FILES: Final = ["model_index.json", profile.FILE_NAME, "*/*.json", "*/*.txt", "*/*.safetensors"]
_UNWANTED_FILES: Final = ["*.fp16.*", "*.non_ema.*", "safety_checker/*", "feature_extractor/*", "image_encoder/*"]


class Download(Protocol):
    """Fetches a repository's files and returns their folder. `snapshot_download` implements it."""

    def __call__(
        self,
        repo_id: str,
        *,
        allow_patterns: list[str],
        ignore_patterns: list[str],
        tqdm_class: type[tqdm],
    ) -> str:
        """Advances progress bars of `tqdm_class` as bytes and files arrive."""


def download(hub_id: str, report: Callable[[], object], fetch: Download = snapshot_download) -> Path:
    """Returns the folder with the files of a hub id such as `owner/name`. Raises `ModelLoadError`.

    `report` is called, from any thread, whenever something has arrived. A download that is stuck does not call it.
    """
    try:
        folder = fetch(
            hub_id,
            allow_patterns=_WANTED_FILES,
            ignore_patterns=_UNWANTED_FILES,
            tqdm_class=_reporting_bar(report),
        )
    except (OSError, ValueError, HfHubHTTPError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelLoadError(f"{hub_id} cannot be downloaded from the hub: {reason}") from error
    return Path(folder)


def _reporting_bar(report: Callable[[], object]) -> type[tqdm]:
    class ReportingBar(tqdm):
        """A progress bar that reports each advance, whether or not it is shown."""

        def update(self, n: float | None = 1) -> bool | None:
            if n:
                report()
            return super().update(n)

    return ReportingBar
