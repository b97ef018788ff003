"""Enters the root of an image as a container engine does, and becomes the program to run there.

    python enter.py ROOT DATA UID PROGRAM [ARGUMENT...]

It must be root in namespaces of its own (`unshare --mount --pid --ipc --uts --fork`). The root is read-only; /data, the
folder DATA, and /tmp are not. The program runs as the user UID, with no capability and no way to gain one. It has the
environment and the network of its caller.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_DEVICES: Final = ("null", "zero", "full", "random", "urandom")


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _prctl(option: int, argument: int) -> None:
    if _LIBC.prctl(option, argument, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")


def _mount_all(root: str, data: str) -> None:
    _mount("--make-rprivate", "/")
    _mount("--bind", root, root)
    _mount("-t", "proc", "proc", f"{root}/proc")
    _mount("-t", "tmpfs", "-o", "mode=755", "dev", f"{root}/dev")
    for device in _DEVICES:
        Path(f"{root}/dev/{device}").touch()
        _mount("--bind", f"/dev/{device}", f"{root}/dev/{device}")
    Path(f"{root}/dev/shm").mkdir()
    _mount("-t", "tmpfs", "-o", "mode=1777,size=64m", "shm", f"{root}/dev/shm")
    _mount("-t", "tmpfs", "-o", "mode=1777,size=256m,noexec,nosuid,nodev", "tmp", f"{root}/tmp")
    _mount("--bind", data, f"{root}/data")
    _mount("-o", "remount,bind,ro", root)


def _give_up_rights(user: int) -> None:
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        _prctl(_PR_CAPBSET_DROP, capability)
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def main(root: str, data: str, user: str, program: str, *arguments: str) -> None:
    _mount_all(root, data)
    os.chroot(root)
    os.chdir("/data")
    _give_up_rights(int(user))
    os.execvp(program, [program, *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
