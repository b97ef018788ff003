"""The release script, run in a clone of its own: what it changes, commits and tags, and when it refuses."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.paths import ROOT

_FILES = ("CHANGELOG.md", "pyproject.toml", "deploy/Dockerfile", "client/darkroom/_version.py", "scripts/release.py")

_CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n- A thing.\n\n## [0.1.0] - 2026-01-02\n- All.\n"


@dataclass(frozen=True)
class Clone:
    home: Path

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.home, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A change")

    def release(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "scripts/release.py", *arguments],
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )

    def read(self, path: str) -> str:
        return (self.home / path).read_text()

    def write(self, path: str, text: str) -> None:
        (self.home / path).write_text(text)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """A git clone with the files that a release changes. Version 0.1.0 has been released in it."""
    for name, value in {"NAME": "A", "EMAIL": "a@example.org"}.items():
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for path in _FILES:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    clone = Clone(tmp_path)
    clone.git("init", "--quiet", "--initial-branch", "main")
    clone.write("client/darkroom/_version.py", '__version__: Final = "0.1.0"\n')
    clone.write("CHANGELOG.md", _CHANGELOG)
    clone.commit()
    clone.git("tag", "v0.1.0")
    return clone


def test_a_release_is_one_commit_and_its_tag(clone: Clone) -> None:
    before = clone.git("rev-parse", "HEAD")
    done = clone.release("0.2.0")
    assert done.returncode == 0, done.stderr
    assert "git push origin main v0.2.0" in done.stdout
    assert clone.git("rev-parse", "HEAD^") == before
    assert clone.git("rev-parse", "v0.2.0^{commit}") == clone.git("rev-parse", "HEAD")
    assert clone.git("log", "-1", "--format=%s") == "Release 0.2.0"
    assert clone.git("status", "--porcelain") == ""


def test_every_place_that_carries_the_version_gets_the_new_one(clone: Clone) -> None:
    clone.release("0.2.0")
    assert '__version__: Final = "0.2.0"\n' in clone.read("client/darkroom/_version.py")
    assert "\nARG VERSION=0.2.0\n" in clone.read("deploy/Dockerfile")
    assert '"darkroom-client>=0.2,<0.3"' in clone.read("pyproject.toml")


def test_from_1_on_the_server_takes_any_client_of_the_major_version(clone: Clone) -> None:
    clone.release("1.2.3")
    assert '"darkroom-client>=1.2,<2"' in clone.read("pyproject.toml")


def test_what_was_unreleased_stands_under_the_version_and_its_date(clone: Clone) -> None:
    clone.release("0.2.0")
    text = clone.read("CHANGELOG.md")
    assert re.sub(r"\d{4}-\d\d-\d\d", "DATE", text) == (
        "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - DATE\n\n### Added\n- A thing.\n\n## [0.1.0] - DATE\n- All.\n"
    )


def test_a_dry_run_shows_the_changes_and_makes_none(clone: Clone) -> None:
    before = clone.git("rev-parse", "HEAD")
    done = clone.release("0.2.0", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert '+__version__: Final = "0.2.0"' in done.stdout
    assert "+ARG VERSION=0.2.0" in done.stdout
    assert clone.git("rev-parse", "HEAD") == before
    assert clone.git("status", "--porcelain") == ""
    assert clone.git("tag", "--list") == "v0.1.0"


def test_the_first_release_has_the_version_that_the_tree_has(clone: Clone) -> None:
    clone.git("tag", "--delete", "v0.1.0")
    done = clone.release("0.1.0")
    assert done.returncode == 0, done.stderr
    assert clone.git("tag", "--list") == "v0.1.0"


def _on_a_branch(clone: Clone) -> None:
    clone.git("switch", "--quiet", "--create", "feature")


def _with_a_change(clone: Clone) -> None:
    clone.write("pyproject.toml", clone.read("pyproject.toml") + "# changed\n")


def _with_a_new_file(clone: Clone) -> None:
    clone.write("notes.txt", "a note")


def _without_notes(clone: Clone) -> None:
    clone.write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-01-02\n- All.\n")
    clone.commit()


def _with_the_tag(clone: Clone) -> None:
    clone.git("tag", "v0.2.0")


def _with_a_later_version(clone: Clone) -> None:
    clone.write("client/darkroom/_version.py", '__version__: Final = "0.3.0"\n')
    clone.commit()


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (_on_a_branch, "The branch is feature"),
        (_with_a_change, "changes that are not committed"),
        (_with_a_new_file, "changes that are not committed"),
        (_without_notes, 'says nothing under "Unreleased"'),
        (_with_the_tag, "The tag v0.2.0 exists"),
        (_with_a_later_version, "The version is 0.3.0 already"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_clone_that_is_not_ready_is_refused_and_left_alone(
    clone: Clone, prepare: Callable[[Clone], None], reason: str, dry_run: bool
) -> None:
    prepare(clone)
    before = [clone.git("rev-parse", "HEAD"), clone.git("status", "--porcelain"), clone.git("tag", "--list")]
    done = clone.release("0.2.0", *(["--dry-run"] if dry_run else []))
    assert done.returncode == 1
    assert reason in done.stderr
    assert [clone.git("rev-parse", "HEAD"), clone.git("status", "--porcelain"), clone.git("tag", "--list")] == before


@pytest.mark.parametrize("text", ["0.2", "v0.2.0", "0.2.0rc1", "0.02.0", "0.1.0", "0.0.9"])
def test_what_is_no_later_version_is_refused(clone: Clone, text: str) -> None:
    done = clone.release(text)
    assert done.returncode == 1
    assert done.stderr.startswith("release: ")
    assert clone.git("log", "--oneline").count("\n") == 0
