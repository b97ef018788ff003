"""A model is loaded with a manifest only if every file that it is made of is one that was reviewed."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.checkpoints import check, loader
from pipelines.checkpoints.model_files import ModelFiles
from pipelines.errors import ModelLoadError, UnreviewedFileError
from pipelines.integrity import manifest
from pipelines.integrity.digests import Digests
from pipelines.integrity.file_access import RecordedFiles, ReviewedFiles
from pipelines.progress import Report, unreported
from pipelines.runtime.modes import RunMode
from tests.harness.models import original_layout, tiny_model

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two models and their manifest: a diffusers folder, and a single file with companions."""
    root = tmp_path_factory.mktemp("reviewed")
    folder = tiny_model.write(root / "tiny")
    (folder / "darkroom.json").write_text("{}")
    original_layout.write(folder, root / "x.safetensors", "sd1")
    tiny_model.copy(folder, root / "x")
    (root / "x.darkroom.json").write_text('{"vae": "other"}')
    (root / "x.yaml").write_text("parameterization: eps\n")
    tiny_model.copy(folder / "vae", root / "other")
    files = RecordedFiles()
    for model in ("tiny", "x.safetensors"):
        check.check(str(root / model), device="cpu", files=files)
    digests = Digests()
    listed = manifest.render({path: digests.of(path) for path in files.paths}, root)
    (root / "m.sha256").write_text(listed)
    return root


@pytest.fixture
def root(sound: Path, tmp_path: Path) -> Path:
    """A copy in another place, which a test may break: the paths of the manifest are relative."""
    return tiny_model.copy(sound, tmp_path / "moved")


def reviewed(root: Path) -> ModelFiles:
    listed = manifest.parse((root / "m.sha256").read_text(), root / "m.sha256")
    return ModelFiles(
        device="cpu",
        dtype=loader.choose_dtype("auto", "cpu"),
        mode=RunMode(),
        allow_download=False,
        access=ReviewedFiles([listed, manifest.packaged()]),
    )


def load(files: ModelFiles, model: Path, report: Report = unreported) -> None:
    files.find(str(model), "it", unreported)
    files.load("it", report)


def flip(path: Path) -> None:
    """Change the last byte."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("model", ["tiny", "x.safetensors"])
def test_a_reviewed_model_is_loaded_wherever_it_was_moved(model: str, root: Path) -> None:
    load(reviewed(root), root / model)


def test_the_bundled_model_needs_no_line(root: Path) -> None:
    load(reviewed(root), loader.bundled_model_path())


@pytest.mark.parametrize(
    ("model", "file"),
    [
        ("tiny", f"tiny/{WEIGHTS}"),
        ("tiny", "tiny/tokenizer/tokenizer.json"),
        ("tiny", "tiny/model_index.json"),
        ("tiny", "tiny/vae/config.json"),
        ("tiny", "tiny/scheduler/scheduler_config.json"),
        ("tiny", "tiny/darkroom.json"),
        ("x.safetensors", "x.safetensors"),
        ("x.safetensors", "other/config.json"),
        ("x.safetensors", "other/diffusion_pytorch_model.safetensors"),
        ("x.safetensors", "x.darkroom.json"),
        ("x.safetensors", "x.yaml"),
        ("x.safetensors", "x/unet/config.json"),
        ("x.safetensors", "x/tokenizer/tokenizer.json"),
    ],
)
def test_one_flipped_byte_of_any_file_refuses_the_model(model: str, file: str, root: Path) -> None:
    flip(root / file)
    with pytest.raises(
        UnreviewedFileError, match=f"^{re.escape(str(root / file))} is not the file that .*m.sha256 lists"
    ):
        load(reviewed(root), root / model)


@pytest.mark.parametrize(
    ("model", "file"),
    [
        ("tiny", "tiny/tokenizer/special_tokens_map.json"),
        ("tiny", "tiny/darkroom.json"),
        ("tiny", f"tiny/{WEIGHTS}"),
        ("x.safetensors", "x.safetensors"),
        ("x.safetensors", "other/diffusion_pytorch_model.safetensors"),
    ],
)
def test_a_file_that_is_not_listed_refuses_the_model_before_it_is_loaded(model: str, file: str, root: Path) -> None:
    (root / file).touch()
    lines = (root / "m.sha256").read_text().splitlines(keepends=True)
    (root / "m.sha256").write_text("".join(line for line in lines if not line.endswith(f"  {file}\n")))
    with pytest.raises(UnreviewedFileError, match=f"^{re.escape(str(root / file))} is not listed"):
        reviewed(root).find(str(root / model), "it", unreported)


def test_weights_in_a_better_form_are_refused_rather_than_passed_over(root: Path) -> None:
    folder = root / "tiny"
    index = folder / "unet/diffusion_pytorch_model.fp16.safetensors"
    shutil.copy(folder / WEIGHTS, index)
    files = ModelFiles(
        device="cpu",
        dtype=loader.choose_dtype("float16", "cpu"),
        mode=RunMode(),
        allow_download=False,
        access=reviewed(root)._access,
    )
    with pytest.raises(UnreviewedFileError, match=r"fp16\.safetensors is not listed"):
        files.find(str(folder), "it", unreported)


def test_a_link_counts_as_what_it_leads_to(root: Path, tmp_path: Path) -> None:
    listed = root / "tiny" / WEIGHTS
    outside = tmp_path / "outside"
    listed.rename(outside)
    listed.symlink_to(outside)
    load(reviewed(root), root / "tiny")
    flip(outside)
    with pytest.raises(UnreviewedFileError, match="is not the file"):
        load(reviewed(root), root / "tiny")


@pytest.mark.parametrize("file", [WEIGHTS, "tokenizer/tokenizer.json"])
def test_a_file_that_is_exchanged_is_refused_at_the_next_load(file: str, root: Path) -> None:
    files = reviewed(root)
    load(files, root / "tiny")
    before = (root / "tiny" / file).stat()
    flip(root / "tiny" / file)
    os.utime(root / "tiny" / file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(UnreviewedFileError, match="is not the file"):
        files.load("it", unreported)


def test_a_file_that_is_exchanged_while_it_is_loaded_is_refused(root: Path) -> None:
    def report(activity: str = "", *, expected_s: float = 0.0) -> None:
        if activity == "loading the unet":
            flip(root / "tiny" / WEIGHTS)

    with pytest.raises(UnreviewedFileError, match="is not the file"):
        load(reviewed(root), root / "tiny", report)


def test_unchanged_files_are_read_once_for_their_digest(root: Path) -> None:
    hashed: list[str] = []

    def report(activity: str = "", *, expected_s: float = 0.0) -> None:
        if activity.startswith("computing the digest"):
            hashed.append(activity)

    files = reviewed(root)
    load(files, root / "tiny", report)
    assert len(hashed) == 3
    files.load("it", report)
    assert len(hashed) == 3


@pytest.fixture(scope="module")
def opened() -> Iterator[list[str]]:
    """The files that this process opens while the list is not None."""
    paths: list[str] = []
    watching = True

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open":
            paths.append(str(arguments[0]))

    sys.addaudithook(hook)
    yield paths
    watching = False


@pytest.mark.parametrize("model", ["tiny", "x.safetensors"])
def test_no_file_is_opened_that_was_not_asked_for(model: str, sound: Path, opened: list[str]) -> None:
    files = RecordedFiles()
    opened.clear()
    loader.load(str(sound / model), device="cpu", files=files)
    own = {path for path in opened if Path(path).is_relative_to(sound)}
    assert own
    assert own <= {str(path) for path in files.paths}


def test_the_program_names_every_file_that_is_wrong(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [root / "tiny" / name for name in ("scheduler/scheduler_config.json", "text_encoder/model.safetensors")]
    arguments = [str(root / "tiny"), "--device", "cpu", "--manifest", str(root / "m.sha256")]
    assert check.main(arguments) == 0
    capsys.readouterr()
    wrong[0].write_text(wrong[0].read_text() + "\n")
    flip(wrong[1])
    assert check.main(arguments) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.split(" is not the file")[0] for line in said] == [str(path) for path in wrong]


def test_a_manifest_that_cannot_be_read_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "m.sha256").write_text("x\n")
    for path, said in ((root / "m.sha256", ", line 1: must be"), (root / "none", " cannot be read")):
        assert check.main([str(root / "tiny"), "--device", "cpu", "--manifest", str(path)]) == 1
        assert capsys.readouterr().out.startswith(f"{path}{said}")


def test_an_unreviewed_file_is_an_error_of_loading() -> None:
    assert issubclass(UnreviewedFileError, ModelLoadError)
