"""The server as the chaos tests start it: as it runs, but for the points at which a trap may strike it.

The points are put around methods of the store, the queue and the image folder before anything is composed; the
server's own code knows nothing of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import functools
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pipelines.interface import RgbImage
from service.api.dialects.jobs import routes as job_routes
from service.errors import StoreUnavailableError
from service.images import storage
from service.images.encoding import Encoder
from service.images.storage import ImageFolder
from service.jobs import factory
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.repository import JobRepository
from service.jobs.upkeep.retention import RetentionConfig
from tests.chaos.troubles.points import (
    DELETING,
    HALF_WRITTEN,
    OPERATIONS,
    RENAMED,
    STORED,
    WRITTEN,
    Trap,
    committed,
    stop_here,
    uncommitted,
)
from tests.service.api import serve_fake

_operation: Final[contextvars.ContextVar[str | None]] = contextvars.ContextVar("operation", default=None)
"""Whose transaction it is."""


_writers: Final[dict[Database, asyncio.AbstractEventLoop]] = {}
"""The server's database, and the loop that it belongs to."""


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What there is no setting for."""

    trap: str
    """The trap's folder."""
    worker: tuple[str, ...] = ()
    """Options of the fake worker."""
    stain: str = ""
    """Appended to every image's file: no two devices draw quite the same."""
    sweep_s: float = 60.0
    """Between two sweeps of retention."""
    key_lifetime_s: float = 86400.0


def run(options: ServerOptions) -> int:
    """The process's exit status."""
    _set_trap(Trap(Path(options.trap)))
    _stain(options.stain.encode())
    _replace(factory, RetentionConfig=functools.partial(RetentionConfig, every_s=options.sweep_s))
    _replace(job_routes, _KEY_LIFETIME_S=options.key_lifetime_s)
    sys.argv[1:] = options.worker
    return asyncio.run(serve_fake.main())


def _replace(owner: object, **replacements: object) -> None:
    for name, replacement in replacements.items():
        assert hasattr(owner, name), "what is not there cannot be replaced"
        setattr(owner, name, replacement)


def _set_trap(trap: Trap) -> None:
    for name in OPERATIONS:
        owner = JobRepository if hasattr(JobRepository, name) else JobClaims
        _replace(owner, **{name: _named(name, getattr(owner, name))})
    _replace(Database, writing=_with_points_around_commit(Database.writing, trap))
    _set_trap_in_storage(trap)


def _named(name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(method)
    async def call(*args: Any, **kwargs: Any) -> Any:
        token = _operation.set(name)
        try:
            return await method(*args, **kwargs)
        finally:
            _operation.reset(token)

    return call


def _with_points_around_commit(
    writing: Callable[[Database], contextlib.AbstractAsyncContextManager[AsyncConnection]], trap: Trap
) -> Callable[[Database], contextlib.AbstractAsyncContextManager[AsyncConnection]]:
    def unavailable() -> Exception:
        return StoreUnavailableError("The job store cannot be reached.", retry_after_s=1.0)

    @contextlib.asynccontextmanager
    async def call(database: Database) -> AsyncIterator[AsyncConnection]:
        _writers[database] = asyncio.get_running_loop()
        name = _operation.get()
        async with writing(database) as connection:
            yield connection
            if name is not None:
                trap.visit(uncommitted(name), unavailable)
        if name is not None:
            trap.visit(committed(name), unavailable)

    return call


def _stop_between_transactions() -> None:
    """For other threads than the loop's: a server that stops in a transaction locks everybody out of SQLite."""

    async def stop(database: Database) -> None:
        async with database._writer:
            stop_here()

    for database, loop in _writers.items():
        asyncio.run_coroutine_threadsafe(stop(database), loop).result()


def _set_trap_in_storage(trap: Trap) -> None:
    def visit(point: str) -> None:
        trap.visit(point, lambda: OSError(errno.EIO, os.strerror(errno.EIO)), _stop_between_transactions)

    write, sync, put, delete = storage._write, storage._sync, ImageFolder.put, ImageFolder.delete

    def write_with_points(path: Path, data: bytes) -> None:
        if not _is_of_a_job(path.parent):
            return write(path, data)
        if trap.is_armed(HALF_WRITTEN):
            path.write_bytes(data[: len(data) // 2])
            visit(HALF_WRITTEN)
            path.unlink()
        write(path, data)
        return visit(WRITTEN)

    def sync_with_point(folder: Path) -> None:
        if _is_of_a_job(folder):
            visit(RENAMED)
        sync(folder)

    def put_with_point(*args: Any, **kwargs: Any) -> Any:
        result = put(*args, **kwargs)
        visit(STORED)
        return result

    def delete_with_point(folder: ImageFolder, job_id: str) -> None:
        visit(DELETING)
        delete(folder, job_id)

    _replace(storage, _write=write_with_points, _sync=sync_with_point)
    _replace(ImageFolder, put=put_with_point, delete=delete_with_point)


def _is_of_a_job(folder: Path) -> bool:
    return folder.name.startswith("job_")


def _stain(stain: bytes) -> None:
    encode = Encoder.encode

    async def encode_with_stain(encoder: Encoder, rgb_image: RgbImage, *args: Any, **kwargs: Any) -> bytes:
        return await encode(encoder, rgb_image, *args, **kwargs) + stain

    if stain:
        _replace(Encoder, encode=encode_with_stain)
