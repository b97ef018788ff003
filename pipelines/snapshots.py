"""Snapshots of images between two of their steps: the part of `interface.Pipeline` that takes and resumes them.

Torch-free. A snapshot holds what the steps so far have made of an image, and nothing that follows from its parameters,
its texts and the image that it starts from. An image that is resumed ends as one that was never interrupted does, to
the bit where the remaining calls give the same bits. A snapshot is valid for the same build, device, model and mode;
whoever keeps snapshots holds them to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pipelines.params import GenerationParams

_InputT_contra = TypeVar("_InputT_contra", contravariant=True)
_ConditioningT_contra = TypeVar("_ConditioningT_contra", contravariant=True)
_StateT = TypeVar("_StateT")


class PendingSnapshot(Protocol):
    """A snapshot that was started. The device may still copy it, while the image goes on."""

    def wait(self) -> None:
        """Wait until the copy is complete."""

    def pack(self) -> bytes:
        """Return the snapshot, after `wait`. Any thread may call it, whatever the image does meanwhile."""


@dataclass(frozen=True, slots=True)
class CompletedSnapshot:
    """A `PendingSnapshot` for pipelines that copy at once."""

    data: bytes

    def wait(self) -> None:
        """Does nothing: the copy is complete."""

    def pack(self) -> bytes:
        return self.data


class Resumable(Protocol[_InputT_contra, _ConditioningT_contra, _StateT]):
    """A model whose images can be resumed."""

    def snapshot(self, state: _StateT) -> PendingSnapshot | None:
        """Start to copy the state of an image that has UNet calls to make. Changes nothing.

        Like `advance`, it does not wait for the device. Returns None for an image that cannot be resumed.
        """

    def resume(
        self,
        params: GenerationParams,
        conditionings: Sequence[_ConditioningT_contra],
        encoded: _InputT_contra | None,
        snapshot: bytes,
    ) -> _StateT:
        """Begin an image as it was when the snapshot was taken of it.

        The arguments are those of `begin`, except that `encoded` is None where another model made the first steps: the
        snapshot holds what is needed of that. Raises what `begin` raises, and `pipelines.errors.SnapshotError`.
        """
