"""Packs and unpacks a checkpoint: a snapshot of an image, and a digest of everything that must match to resume it.

The bytes are a magic number with the version of the format, a SHA-256 over the rest, and a message of MessagePack.
Pure. Outside the worker a checkpoint is opaque, and its keeper may damage or lose it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from pipelines.interface import BatchKey
from pipelines.params import GenerationParams

_MAGIC: Final = b"darkroom checkpoint 1\n"
_DIGEST_BYTES: Final = hashlib.sha256().digest_size


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of an image between two steps."""

    identity: str
    """The result of `identity_of` for the whole image."""
    refining: bool
    """Whether the image has been handed over to its refiner."""
    key: BatchKey
    """The key of the next UNet call."""
    calls_left: int
    """UNet calls until the phase is done."""
    step: int
    """Steps done, as users count them."""
    snapshot: bytes = b""
    """The pipeline's snapshot."""


_CHECKPOINTS: Final = msgspec.msgpack.Decoder(Checkpoint)


def pack(checkpoint: Checkpoint) -> bytes:
    body = msgspec.msgpack.encode(checkpoint)
    return b"".join((_MAGIC, hashlib.sha256(body).digest(), body))


def unpack(data: bytes) -> Checkpoint | None:
    """Returns the checkpoint; None where the bytes are damaged or of another version."""
    start = len(_MAGIC) + _DIGEST_BYTES
    digest, body = data[len(_MAGIC) : start], data[start:]
    if not data.startswith(_MAGIC) or hashlib.sha256(body).digest() != digest:
        return None
    try:
        return _CHECKPOINTS.decode(body)
    except msgspec.MsgspecError:
        return None


def identity_of(params: GenerationParams, facts: Sequence[object]) -> str:
    """Returns a digest of everything that decides the bits of an image.

    `facts` holds for each of its models a description of its files, device, libraries and mode of running.
    """
    return hashlib.sha256(msgspec.json.encode([params, *facts], order="sorted")).hexdigest()
