"""A model is found by what its user would type, and is served by that name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from pipelines.checkpoints import sources
from pipelines.checkpoints.hub import HubUnreachableError
from pipelines.errors import ModelLoadError
from tests.harness.models import layouts


class OfflineHub:
    """Implements `hub.Hub` without a network: what is in its cache, and nothing else."""

    def __init__(self, cached: Path | None = None) -> None:
        self.cached = cached

    def find_cached(self, hub_id: str) -> Path | None:
        return self.cached

    def list_files(self, hub_id: str) -> list[str]:
        raise HubUnreachableError("The hub does not answer.")

    def fetch(self, hub_id: str, paths: Collection[str], report: Callable[[], object]) -> Path:
        raise AssertionError("nothing may be fetched")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of models: a folder, a link to it, and a file."""
    root = tmp_path / "models"
    (root / "sd15").mkdir(parents=True)
    (root / "sd15" / "model_index.json").write_text("{}")
    (root / "mine").symlink_to(root / "sd15")
    (root / "anime").mkdir()
    (root / "anime" / "real.v2.safetensors").touch()
    return root


def test_a_folder_is_served_by_the_name_that_was_typed(models: Path) -> None:
    for name in ("sd15", "mine"):
        source = sources.find(str(models / name))
        assert (source.name, source.path, source.boundary, source.is_file) == (name, models / name, None, False)


def test_a_trailing_slash_and_relative_paths_do_not_change_the_name(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(models / "sd15")

    for typed in (f"{models}/sd15/", ".", "../sd15", "model_index.json", "../anime/.."):
        assert sources.find(typed).name == ("models" if typed == "../anime/.." else "sd15")


def test_the_home_folder_is_expanded(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(models.parent))

    assert sources.find("~/models/mine").path == models / "mine"


def test_a_user_that_there_is_not_is_refused() -> None:
    with pytest.raises(ModelLoadError, match="There is no folder ~nobody-here/sd"):
        sources.find("~nobody-here/sd")


def test_a_file_is_served_by_its_name_without_suffix(models: Path) -> None:
    source = sources.find(str(models / "anime" / "real.v2.safetensors"))

    assert (source.name, source.is_file) == ("real.v2", True)


def test_a_name_is_looked_for_below_the_roots_with_and_without_suffix(models: Path) -> None:
    assert sources.find("mine", roots=[models.parent, models]).path == models / "mine"
    assert sources.find("anime/real.v2", roots=[models]).path == models / "anime" / "real.v2.safetensors"


@pytest.mark.parametrize("name", ["../models/sd15", "anime/../sd15"])
def test_a_name_does_not_lead_out_of_its_root(models: Path, name: str) -> None:
    with pytest.raises(ModelLoadError, match="There is no folder"):
        sources.find(name, roots=[models], hub=OfflineHub())


@pytest.mark.parametrize("name", ["", "sd", "owner/name/more", "a b"])
def test_what_is_not_there_is_refused_with_what_can_be_named(name: str) -> None:
    with pytest.raises(
        ModelLoadError, match=r"There is no folder or file .*\. Name a folder in the diffusers layout, "
    ):
        sources.find(name)


@pytest.mark.parametrize("suffix", [".ckpt", ".bin", ".PT"])
def test_a_pickle_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.touch()

    with pytest.raises(ModelLoadError, match="is a pickle checkpoint, which could run code"):
        sources.find(str(path))


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()

    with pytest.raises(ModelLoadError, match=r"notes\.txt is not a model\. Name a folder"):
        sources.find(str(tmp_path / "notes.txt"))


def test_a_folder_of_the_hubs_cache_stands_for_its_snapshot(models: Path, tmp_path: Path) -> None:
    snapshot = layouts.into_hub_cache(models / "sd15", tmp_path / "cache", "owner/sd--x")

    for path in (snapshot, snapshot.parents[1]):
        source = sources.find(str(path))
        assert (source.name, source.path, source.hub_id) == ("owner/sd--x", snapshot, "owner/sd--x")
        assert source.boundary is None


def test_of_several_snapshots_the_main_branch_counts_or_the_user_chooses(models: Path, tmp_path: Path) -> None:
    snapshot = layouts.into_hub_cache(models / "sd15", tmp_path / "cache", "owner/sd")
    repository = snapshot.parents[1]
    (repository / "snapshots" / ("0" * 40)).mkdir()

    assert sources.find(str(repository)).path == snapshot
    (repository / "refs" / "main").unlink()
    with pytest.raises(ModelLoadError, match=r"has 2 snapshots and no refs/main .* Name one of them, such as"):
        sources.find(str(repository))


def test_a_folder_of_the_cache_without_a_snapshot_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models--owner--sd" / "snapshots").mkdir(parents=True)

    with pytest.raises(ModelLoadError, match=r"has no snapshot\. Download the model again"):
        sources.find(str(tmp_path / "models--owner--sd"))


def test_a_cached_hub_id_needs_no_permission_to_download(models: Path, tmp_path: Path) -> None:
    snapshot = layouts.into_hub_cache(models / "sd15", tmp_path / "cache", "owner/sd")

    source = sources.find("owner/sd", hub=OfflineHub(snapshot))

    assert (source.name, source.path, source.boundary) == ("owner/sd", snapshot, snapshot.parents[1])
    assert "--allow-download" in source.remedy


def test_the_cache_serves_while_the_hub_cannot_be_reached(
    models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    snapshot = layouts.into_hub_cache(models / "sd15", tmp_path / "cache", "owner/sd")

    with caplog.at_level(logging.WARNING, "pipelines"):
        source = sources.find("owner/sd", allow_download=True, hub=OfflineHub(snapshot))

    assert source.path == snapshot
    assert "The hub does not answer. The files of owner/sd in the hub's cache are used." in caplog.text


def test_a_hub_id_is_not_downloaded_unless_allowed() -> None:
    with pytest.raises(ModelLoadError, match=r"not allowed\. Add --allow-download to fetch it"):
        sources.find("owner/sd", hub=OfflineHub())
    with pytest.raises(HubUnreachableError):
        sources.find("owner/sd", allow_download=True, hub=OfflineHub())
