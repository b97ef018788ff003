"""With manifests, a file is opened only where it is listed with its digest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.errors import ModelLoadError, UnreviewedFileError
from pipelines.integrity.file_access import ANY_FILES, RecordedFiles, ReviewedFiles, faults_of
from pipelines.integrity.manifest import Manifest
from pipelines.progress import unreported


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "x").write_bytes(b"weights")
    return tmp_path / "x"


def listing(path: Path, content: bytes = b"weights", name: str = "m.sha256") -> Manifest:
    return Manifest(path.with_name(name), {str(path): hashlib.sha256(content).hexdigest()})


WAYS: list[Callable[[ReviewedFiles, Path], object]] = [
    lambda files, path: files.read(path),
    lambda files, path: files.verify(path, unreported),
]


@pytest.mark.parametrize("open_file", WAYS)
def test_a_listed_file_is_opened(open_file: Callable[[ReviewedFiles, Path], object], path: Path) -> None:
    open_file(ReviewedFiles([listing(path)]), path)


@pytest.mark.parametrize("open_file", WAYS)
def test_one_other_byte_is_refused(open_file: Callable[[ReviewedFiles, Path], object], path: Path) -> None:
    files = ReviewedFiles([listing(path)])
    path.write_bytes(b"weighty")
    found = hashlib.sha256(b"weighty").hexdigest()
    said = re.escape(f"{path} is not the file that {path.parent}/m.sha256 lists: its SHA-256 is {found}.")
    with pytest.raises(UnreviewedFileError, match=f"^{said}$"):
        open_file(files, path)


@pytest.mark.parametrize("open_file", [*WAYS, lambda files, path: files.expect(path)])
def test_a_file_that_is_not_listed_is_refused(open_file: Callable[[ReviewedFiles, Path], object], path: Path) -> None:
    other = path.with_name("y")
    other.write_bytes(b"weights")
    with pytest.raises(
        UnreviewedFileError, match=f"^{re.escape(f'{other} is not listed in {path.parent}/m.sha256.')}$"
    ):
        open_file(ReviewedFiles([listing(path)]), other)


def test_the_first_manifest_that_lists_a_file_counts(path: Path) -> None:
    ours, shipped = listing(path, b"ours"), listing(path, name="shipped")
    ReviewedFiles([shipped, ours]).read(path)
    with pytest.raises(UnreviewedFileError, match=r"m\.sha256 lists"):
        ReviewedFiles([ours, shipped]).read(path)


def test_a_file_that_is_gone_cannot_be_read(path: Path) -> None:
    files = ReviewedFiles([listing(path)])
    path.unlink()
    with pytest.raises(ModelLoadError, match="cannot be read"):
        files.verify(path, unreported)


def test_without_a_manifest_every_file_is_opened(path: Path) -> None:
    assert ANY_FILES.read(path) == b"weights"
    ANY_FILES.expect(path)
    ANY_FILES.verify(path, unreported)


def test_files_are_recorded_that_were_asked_for_and_are_there(path: Path) -> None:
    files, other = RecordedFiles(), path.with_name("y")
    files.expect(other)
    assert files.read(path) == b"weights"
    files.verify(path, unreported)
    with pytest.raises(FileNotFoundError):
        files.read(path.with_name("z"))
    assert [*files.paths] == [other, path]


def test_each_file_has_its_own_fault(path: Path) -> None:
    wrong, unlisted = path.with_name("y"), path.with_name("z")
    wrong.touch()
    digests = {**listing(path).digests, **listing(wrong).digests}
    faults = faults_of([path, wrong, unlisted], ReviewedFiles([Manifest(path.with_name("m"), digests)]))
    assert [fault.split(" is not ")[0] for fault in faults] == [str(wrong), str(unlisted)]
