"""The key that signs links is made once, whole or not at all, and a file that holds something else is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from service.link_key import LINK_KEY, load_link_key
from tests.harness.paths import ROOT

WITHOUT_ROOM: Final = """
import resource, sys
from pathlib import Path
from service.link_key import load_link_key
resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))
try:
    load_link_key(Path(sys.argv[1]))
except OSError as error:
    print(error)
"""
"""Program that makes the key although no file may have more than 16 bytes, as on a disk with room for half a key."""
AT_ONCE: Final = """
import sys
from pathlib import Path
from service.link_key import load_link_key
print("ready", flush=True)
sys.stdin.readline()
print(load_link_key(Path(sys.argv[1])).hex())
"""


def start(program: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    key = load_link_key(folder)
    assert len(key) == 32
    assert load_link_key(folder) == key
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / LINK_KEY).stat().st_mode & 0o777 == 0o600
    assert [file.name for file in folder.iterdir()] == [LINK_KEY]


@pytest.mark.integration
def test_a_first_start_on_a_full_disk_leaves_no_key_and_says_so_in_one_sentence(tmp_path: Path) -> None:
    said, _ = start(WITHOUT_ROOM, tmp_path).communicate(timeout=60)

    assert said == f"The key that signs links cannot be kept in {tmp_path}/{LINK_KEY} (File too large).\n"
    assert list(tmp_path.iterdir()) == []
    assert len(load_link_key(tmp_path)) == 32, "the next start makes the key"


def test_threads_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as servers:
        keys = set(servers.map(load_link_key, [tmp_path] * 32))
    assert len(keys) == 1
    assert {len(key) for key in keys} == {32}


@pytest.mark.integration
def test_servers_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    servers = [start(AT_ONCE, tmp_path) for _ in range(4)]
    for server in servers:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
    keys = [server.communicate("go\n", timeout=60)[0].strip() for server in servers]

    assert set(keys) == {load_link_key(tmp_path).hex()}


@pytest.mark.parametrize("content", ["", "ab", "x" * 64, "ab" * 31, "ab" * 33])
def test_a_file_that_holds_no_key_signs_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / LINK_KEY).write_text(content)
    with pytest.raises(ValueError, match=r"link_key does not hold a key of 32 bytes\. Delete it"):
        load_link_key(tmp_path)


def test_a_key_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / LINK_KEY).mkdir()
    with pytest.raises(OSError, match=r"^The key that signs links cannot be kept in .*/link_key \(Is a directory\)\.$"):
        load_link_key(tmp_path)
