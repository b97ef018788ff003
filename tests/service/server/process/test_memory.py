"""The threads of a server share two heaps, free memory is returned, and the collector skips lasting objects."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from tests.harness.paths import ROOT

pytestmark = pytest.mark.integration

HEAPS = """
import ctypes, threading
from service.server.process.memory import share_heaps
{call}
libc, together = ctypes.CDLL(None), threading.Barrier(8)
libc.malloc.restype = ctypes.c_void_p
def allocate():
    together.wait()
    libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
out = ctypes.c_void_p.in_dll(libc, "stdout")
libc.malloc_info(0, out)
libc.fflush(out)
"""
TRIM = """
import asyncio, ctypes
from service.server.process.memory import trim_heaps
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])
def fill():
    block = libc.malloc(100_000)
    ctypes.memset(block, 1, 100_000)
    return block
blocks = [fill() for _ in range(400)]
kept = blocks.pop()  # It is at the top, so that glibc returns nothing below it.
for block in blocks:
    libc.free(block)
async def main():
    before = resident()
    trimming = asyncio.create_task(trim_heaps(every_s=0.01))
    while resident() > before - 8000:
        await asyncio.sleep(0.01)
    trimming.cancel()
asyncio.run(main())
"""
COLLECTOR = """
import gc
from service.server.process.memory import freeze_lasting_objects
class Node: pass
def cycle():
    node = Node()
    node.itself = node
cycle()
freeze_lasting_objects()
before = len(gc.get_objects())
cycle()
print(sum(isinstance(each, Node) for each in gc.get_objects()), before < gc.get_freeze_count(), gc.collect() > 0)
"""


def run(script: str) -> str:
    """Returns what the script prints in a process whose heaps no variable limits."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=kept, timeout=60).stdout


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no heap for each thread")
def test_threads_share_two_heaps() -> None:
    assert run(HEAPS.format(call="")).count("<heap nr=") > 2, "each thread has one of its own without the call"
    assert run(HEAPS.format(call="share_heaps()")).count("<heap nr=") == 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no malloc_trim")
def test_free_memory_is_returned_again_and_again() -> None:
    run(TRIM)


def test_a_collection_passes_over_what_was_there_and_still_finds_later_cycles() -> None:
    assert run(COLLECTOR).split() == ["1", "True", "True"]
