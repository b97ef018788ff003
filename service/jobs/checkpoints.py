"""Keeps checkpoints of the images of running jobs as files, so that a crash of the server costs few steps.

A checkpoint only saves work: where a file is missing, old or damaged, its image begins anew. So files are not synced,
a failing disk keeps none, and a worker decides whether it can use one.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import structlog

from service.images.disk import PARTIAL
from service.images.job_folders import job_folder, jobs_older_than

_KEPT: Final = ".checkpoint"
_ON_TRIAL: Final = ".trial"
"""Ending of the name of a checkpoint from which an image was resumed, until the image reaches the next one."""
_MAX_BYTES: Final = 64 << 20
"""Bytes. A larger file cannot be a checkpoint."""

T = TypeVar("T")

_log = structlog.get_logger("darkroom.jobs")


class JobCheckpoints:
    """Keeps the latest checkpoint of each image at `root`/<two letters>/<job id>/<index>.checkpoint.

    One thread makes all accesses, in the order of the calls. No method raises where the disk fails. All methods belong
    to one event loop.
    """

    def __init__(self, root: Path, *, every_steps: int) -> None:
        """Keeps and finds nothing where `every_steps` is 0."""
        self.every_steps: Final = every_steps
        self._root = root
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoints")
        self._warned = False

    async def keep(self, job_id: str, index: int, data: bytes) -> None:
        """Replaces the checkpoint of an image."""
        await self._run(lambda: self._write(self._folder(job_id), index, data), None)

    async def load(self, job_id: str, indices: Iterable[int]) -> dict[int, bytes]:
        """Returns the checkpoints of these images, by index, without those that are on trial."""
        if not self.every_steps:
            return {}
        folder = self._folder(job_id)
        return await self._run(lambda: dict(_read(folder, indices)), {})

    async def put_on_trial(self, job_id: str, index: int) -> None:
        """Makes the image begin anew after a crash, unless `put_back` or a later checkpoint comes first."""
        await self._rename(job_id, [index], _KEPT, _ON_TRIAL)

    async def put_back(self, job_id: str, indices: Iterable[int]) -> None:
        """Undoes `put_on_trial` for images that were stopped in an orderly way."""
        await self._rename(job_id, indices, _ON_TRIAL, _KEPT)

    async def forget_image(self, job_id: str, index: int) -> None:
        """Deletes the checkpoint of an image that is stored."""
        if self.every_steps:
            paths = [self._folder(job_id) / f"{index}{ending}" for ending in (_KEPT, _ON_TRIAL)]
            await self._run(lambda: _unlink(paths), None)

    async def forget(self, job_id: str) -> None:
        """Deletes the checkpoints of a job that has ended."""
        if self.every_steps:
            await self.delete(job_id)

    async def delete(self, job_id: str) -> None:
        """Deletes the checkpoints of a job, even those that a server with another setting has kept."""
        await self._run(lambda: shutil.rmtree(self._folder(job_id), ignore_errors=True), None)

    async def jobs_older_than(self, seconds: float) -> list[str]:
        """Returns the ids of the jobs whose checkpoints have not changed for this long."""
        return await self._run(lambda: list(jobs_older_than(self._root, seconds)), [])

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _rename(self, job_id: str, indices: Iterable[int], old: str, new: str) -> None:
        folder = self._folder(job_id)
        pairs = [(folder / f"{index}{old}", folder / f"{index}{new}") for index in indices]
        if pairs:
            await self._run(lambda: _rename(pairs), None)

    def _write(self, folder: Path, index: int, data: bytes) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{index}.{secrets.token_hex(4)}{PARTIAL}"
        try:
            partial.write_bytes(data)
            partial.replace(folder / f"{index}{_KEPT}")
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        _unlink([folder / f"{index}{_ON_TRIAL}"])

    def _folder(self, job_id: str) -> Path:
        return job_folder(self._root, job_id)

    async def _run(self, work: Callable[[], T], otherwise: T) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except FileNotFoundError:  # The job has been deleted meanwhile.
            return otherwise
        except OSError as error:
            if not self._warned:
                _log.warning("checkpoints cannot be kept or read", fault=error.strerror)
            self._warned = True
            return otherwise


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _rename(pairs: Iterable[tuple[Path, Path]]) -> None:
    for path, to in pairs:
        with contextlib.suppress(FileNotFoundError):
            path.rename(to)


def _read(folder: Path, indices: Iterable[int]) -> Iterable[tuple[int, bytes]]:
    for index in indices:
        path = folder / f"{index}{_KEPT}"
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size <= _MAX_BYTES:
                yield index, path.read_bytes()
