"""Makes a release: one commit and one tag, in the clone that it is run in. It pushes nothing.

    .venv/bin/python scripts/release.py 0.2.0 --dry-run    shows what would change
    .venv/bin/python scripts/release.py 0.2.0              changes, commits and tags it

The version stands in client/darkroom/_version.py, which both distributions read when they are built. The script
rewrites it, the container image's label, and the range in which the server takes the client. It moves the changelog's
"Unreleased" section under the new version. Before that, the tree must be clean and on the branch main.
"""

from __future__ import annotations

import argparse
import difflib
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, NamedTuple, Self

VERSION_FILE: Final = "client/darkroom/_version.py"
CHANGELOG: Final = "CHANGELOG.md"
BRANCH: Final = "main"
_UNRELEASED: Final = "## [Unreleased]\n"


class ReleaseError(Exception):
    """The release cannot be made. The message says what to do."""


class Version(NamedTuple):
    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", text):
            raise ReleaseError(f"{text!r} is no version: give three whole numbers, such as 0.2.0.")
        return cls(*map(int, text.split(".")))

    @property
    def compatible(self) -> str:
        """The versions that keep this one's interface: those of its minor version while the major one is 0."""
        end = f"0.{self.minor + 1}" if self.major == 0 else f"{self.major + 1}"
        return f">={self.major}.{self.minor},<{end}"

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def current_version(root: Path) -> Version:
    (text,) = re.findall(r'^__version__: Final = "(.+)"$', (root / VERSION_FILE).read_text(), re.MULTILINE)
    return Version.parse(text)


def release_notes(changelog: str, version: Version, today: date) -> str:
    """The changelog with an empty "Unreleased" section, what it held standing under the version and its date."""
    head, found, rest = changelog.partition(_UNRELEASED)
    notes = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    if not found or not notes.strip():
        raise ReleaseError(f'{CHANGELOG} says nothing under "Unreleased": describe there what changed.')
    return f"{head}{_UNRELEASED}\n## [{version}] - {today.isoformat()}\n{rest}"


def _replace(pattern: str, replacement: str) -> Callable[[str], str]:
    """An edit of the one line that the pattern matches."""

    def edit(text: str) -> str:
        edited, times = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        if times != 1:
            raise ReleaseError(f"Expected one line that matches {pattern!r}, found {times}: mend scripts/release.py.")
        return edited

    return edit


def new_texts(root: Path, version: Version, today: date) -> dict[str, str]:
    """Returns the new content of each file that a release changes, by its path."""
    edits: dict[str, Callable[[str], str]] = {
        VERSION_FILE: _replace(r'^__version__: Final = ".+"$', f'__version__: Final = "{version}"'),
        "deploy/Dockerfile": _replace(r"^ARG VERSION=.+$", f"ARG VERSION={version}"),
        "pyproject.toml": _replace(r'^    "darkroom-client>=.+",$', f'    "darkroom-client{version.compatible}",'),
        CHANGELOG: lambda text: release_notes(text, version, today),
    }
    return {path: edit((root / path).read_text()) for path, edit in edits.items()}


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ReleaseError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def check_clone(root: Path, version: Version) -> None:
    """Raise `ReleaseError` unless the clone is one that this version may be made from."""
    branch = _git(root, "rev-parse", "--abbrev-ref", "HEAD")
    if branch != BRANCH:
        raise ReleaseError(f"The branch is {branch}: a release is made from {BRANCH}.")
    if _git(root, "status", "--porcelain"):
        raise ReleaseError("The tree has changes that are not committed: commit or stash them.")
    if _git(root, "tag", "--list", f"v{version}"):
        raise ReleaseError(f"The tag v{version} exists: choose a later version.")
    current = current_version(root)
    # The first release carries the version that the tree has always had.
    if version < current or (version == current and _git(root, "tag", "--list", "v*")):
        raise ReleaseError(f"The version is {current} already: choose a later one.")


def release(root: Path, version: Version, *, today: date, dry_run: bool) -> str:
    """Make the release, or only say what it would change; returns what to tell the user."""
    check_clone(root, version)
    texts = new_texts(root, version, today)
    if dry_run:
        return "".join(_difference(path, (root / path).read_text(), text) for path, text in texts.items())
    for path, text in texts.items():
        (root / path).write_text(text)
    _git(root, "add", *texts)
    _git(root, "commit", "--quiet", "--message", f"Release {version}")
    _git(root, "tag", "--annotate", f"v{version}", "--message", f"Darkroom {version}")
    return f"Darkroom {version} is committed and tagged. Publish it with: git push origin {BRANCH} v{version}\n"


def _difference(path: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), path, path, n=1)
    return "".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make a release: one commit and one tag.")
    parser.add_argument("version", help="the new version, such as 0.2.0")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    given = parser.parse_args(arguments)
    try:
        version = Version.parse(given.version)
        said = release(Path.cwd(), version, today=datetime.now(UTC).date(), dry_run=given.dry_run)
    except ReleaseError as error:
        sys.stderr.write(f"release: {error}\n")
        return 1
    sys.stdout.write(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
