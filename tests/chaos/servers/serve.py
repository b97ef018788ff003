"""The server as the chaos tests start it: the real one, with failpoints.

The failpoints wrap methods of the store, the claims and the image folder before the server is composed. The server's
own code does not know them.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import faulthandler
import functools
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from pipelines.interface import RgbImage
from service.api.durable_jobs import submission
from service.errors import StoreUnavailableError
from service.images import disk
from service.images.encoding import Encoder
from service.images.storage import ImageFolder
from service.jobs import factory
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.repository import JobRepository
from service.jobs.upkeep.retention import RetentionConfig
from tests.chaos.troubles.failpoints import (
    FILES_DELETING,
    IMAGE_HALF_WRITTEN,
    IMAGE_RENAMED,
    IMAGE_STORED,
    IMAGE_WRITTEN,
    OPERATIONS,
    Failpoints,
    committed,
    stop_here,
    uncommitted,
)
from tests.service.api import serve_fake

_operation: Final[contextvars.ContextVar[str | None]] = contextvars.ContextVar("operation", default=None)
"""The method of the store whose transaction is running."""
_databases: Final[set[Database]] = set()
"""The server's database, once it has been written to."""

_leaked: Final[list[bytes]] = []


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options that are not settings of the server."""

    failpoints: str
    """Folder of the armed failpoints."""
    worker: tuple[str, ...] = ()
    """Options of the fake worker."""
    watermark: str = ""
    """Text appended to every image file. Two servers with different watermarks stand for two devices whose pixels
    differ."""
    sweep_s: float = 60.0
    """Seconds between two sweeps of retention."""
    key_lifetime_s: float = 86400.0
    leak_bytes: int = 0
    """Memory that the server keeps of each accepted job, so that a soak has something to find."""


def run(options: ServerOptions) -> int:
    """Run the server and return its exit status."""
    faulthandler.register(signal.SIGUSR1)  # Where a server hangs, the tests ask for its threads' stacks.
    _install_failpoints(Failpoints(Path(options.failpoints)))
    _install_watermark(options.watermark.encode())
    _replace(factory, RetentionConfig=functools.partial(RetentionConfig, every_s=options.sweep_s))
    _install_leak(options.leak_bytes)
    _replace(submission, _KEY_LIFETIME_S=options.key_lifetime_s)
    sys.argv[1:] = options.worker
    return asyncio.run(serve_fake.main())


def _replace(owner: object, **replacements: object) -> None:
    for name, replacement in replacements.items():
        assert hasattr(owner, name), f"{owner} has no {name} to replace"
        setattr(owner, name, replacement)


def _install_failpoints(failpoints: Failpoints) -> None:
    for name in OPERATIONS:
        owner = JobRepository if hasattr(JobRepository, name) else JobClaims
        _replace(owner, **{name: _with_operation_name(name, getattr(owner, name))})
    _replace(Database, write=_with_failpoints_around_commit(Database.write, failpoints))
    _install_storage_failpoints(failpoints)


def _with_operation_name(name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(method)
    async def call(*args: Any, **kwargs: Any) -> Any:
        # A job's last image is recorded together with its end.
        token = _operation.set("finish" if kwargs.get("last_at") is not None else name)
        try:
            return await method(*args, **kwargs)
        finally:
            _operation.reset(token)

    return call


def _with_failpoints_around_commit(write: Callable[..., Awaitable[Any]], failpoints: Failpoints) -> Callable[..., Any]:
    def unavailable() -> Exception:
        return StoreUnavailableError("The job store cannot be reached.", retry_after_s=1.0)

    @functools.wraps(write)
    async def call(database: Database, work: Callable[[Connection], Any], **options: bool) -> Any:
        _databases.add(database)
        name = _operation.get()
        if name is None:
            return await write(database, work, **options)

        def work_and_reach(connection: Connection) -> Any:
            result = work(connection)
            failpoints.reach(uncommitted(name), unavailable)
            return result

        result = await write(database, work_and_reach, **options)
        failpoints.reach(committed(name), unavailable, _stop_between_transactions)
        return result

    return call


def _stop_between_transactions() -> None:
    """Stop the server while no transaction is open, because an open one would lock the other servers out of SQLite.

    To be called from threads other than the writer's.
    """
    with contextlib.ExitStack() as pauses:
        for database in _databases:
            pauses.enter_context(database._writers.pause)
        stop_here()


def _install_storage_failpoints(failpoints: Failpoints) -> None:
    def reach(point: str) -> None:
        failpoints.reach(point, lambda: OSError(errno.EIO, os.strerror(errno.EIO)), _stop_between_transactions)

    write, sync, put, delete = disk.write_file, disk.sync_folder, ImageFolder.put, ImageFolder.delete

    def write_with_failpoints(path: Path, data: bytes) -> None:
        if not _is_job_folder(path.parent):
            return write(path, data)
        if failpoints.is_armed(IMAGE_HALF_WRITTEN):
            path.write_bytes(data[: len(data) // 2])
            reach(IMAGE_HALF_WRITTEN)
            path.unlink()
        write(path, data)
        return reach(IMAGE_WRITTEN)

    def sync_with_failpoint(folder: Path) -> None:
        if _is_job_folder(folder):
            reach(IMAGE_RENAMED)
        sync(folder)

    def put_with_failpoint(*args: Any, **kwargs: Any) -> Any:
        result = put(*args, **kwargs)
        reach(IMAGE_STORED)
        return result

    def delete_with_failpoint(folder: ImageFolder, job_id: str) -> None:
        reach(FILES_DELETING)
        delete(folder, job_id)

    _replace(disk, write_file=write_with_failpoints, sync_folder=sync_with_failpoint)
    _replace(ImageFolder, put=put_with_failpoint, delete=delete_with_failpoint)


def _is_job_folder(folder: Path) -> bool:
    return folder.name.startswith("job_")


def _install_leak(size_bytes: int) -> None:
    create = JobRepository.create

    async def create_and_keep(*args: Any, **kwargs: Any) -> Any:
        _leaked.append(b"x" * size_bytes)
        return await create(*args, **kwargs)

    if size_bytes:
        _replace(JobRepository, create=create_and_keep)


def _install_watermark(watermark: bytes) -> None:
    encode = Encoder.encode

    async def encode_with_stain(encoder: Encoder, rgb_image: RgbImage, *args: Any, **kwargs: Any) -> bytes:
        return await encode(encoder, rgb_image, *args, **kwargs) + watermark

    if watermark:
        _replace(Encoder, encode=encode_with_stain)
