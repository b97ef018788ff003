"""The stored form of a job's spec: JSON that carries a version, so that rows of earlier releases stay readable.

| version | written by | form |
|---|---|---|
| 1 | the first release, which stored no `version` | `JobSpec`, with `pictures` in place of `images` |
| 2 | this release | `JobSpec` |

Raise `VERSION` where an earlier release would misread what this one writes, and keep a decoder for every earlier one.
A field with a default that does not change what an older server makes needs no new version.
"""

from __future__ import annotations

from typing import Final

import msgspec

from service.errors import DarkroomError
from service.jobs.records import ImageSpec, JobSpec

VERSION: Final = 2


class UnreadableSpecError(DarkroomError):
    """The stored spec of one job cannot be decoded. The message is safe to show to callers."""


class _Header(msgspec.Struct, frozen=True):
    version: int = 1


class _JobSpec1(JobSpec, frozen=True, kw_only=True):
    images: tuple[ImageSpec, ...] = msgspec.field(name="pictures")


def encode_spec(spec: JobSpec) -> bytes:
    return msgspec.json.encode({"version": VERSION, **msgspec.structs.asdict(spec)})


def decode_spec(data: bytes) -> JobSpec:
    """Decodes a spec of any known version.

    Raises `UnreadableSpecError` where a newer version wrote it or it is damaged.
    """
    try:
        version = msgspec.json.decode(data, type=_Header).version
        if version > VERSION:
            raise UnreadableSpecError(
                "The job was stored by a newer version of Darkroom. Upgrade this server to read it."
            )
        if version == VERSION:
            return msgspec.json.decode(data, type=JobSpec)
        if version == 1:
            first = msgspec.json.decode(data, type=_JobSpec1)
            return JobSpec(**msgspec.structs.asdict(first))
    except msgspec.MsgspecError:
        pass
    raise UnreadableSpecError("The stored job is damaged: its spec cannot be decoded.")
