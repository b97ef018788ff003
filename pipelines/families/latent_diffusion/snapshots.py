"""Snapshots of images of latent diffusion: safetensors, with the position of the image in their metadata.

A snapshot holds the slots of the image's sampler and how far its noise is drawn; where another model made the first
steps, also what the image took over from it. All else follows from what `Pipeline.begin` is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from pipelines.errors import SnapshotError
from pipelines.families.latent_diffusion.starts.handover import HandedOver
from pipelines.families.latent_diffusion.starts.inputs import Repainting, Start
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.sampling.linear_steps import LATENTS
from pipelines.sampling.noise import DrawnNoise
from pipelines.sampling.sampler_run import SamplerRun
from pipelines.transfers import Download, download, upload

_FORMAT: Final = 1
_LENGTH_BYTES: Final = 8
"""Size of the number before the header of safetensors, which is the header's length."""
_SLOTS: Final = "slots"
_GENERATOR: Final = "generator"
_AHEAD: Final = "ahead"
_TAKEN_OVER: Final = ("mask", "clean", "noise")
"""The tensors of a `Repainting`."""


class _Place(msgspec.Struct, frozen=True):
    """The place in its steps where a snapshot of an image was taken."""

    format: int
    position: int
    """UNet calls that the pass has made."""
    second_pass: bool
    """Whether the image is in the second pass of a hires fix."""
    steps_before: int
    """Steps before those of the pass, as users count them."""
    level: tuple[float, float]
    """The factors of clean latents and of noise in the latents with which the pass began."""


class _Metadata(msgspec.Struct, frozen=True):
    place: str
    """A `_Place`, as JSON: the metadata of safetensors are strings."""


class _Header(msgspec.Struct, frozen=True):
    """The part of safetensors' header that is read here."""

    metadata: _Metadata = msgspec.field(name="__metadata__")


_PLACES: Final = msgspec.json.Decoder(_Place)
_HEADERS: Final = msgspec.json.Decoder(_Header)


@dataclass(frozen=True, slots=True)
class PendingLatentSnapshot:
    """Implements `snapshots.PendingSnapshot`. No step writes to a tensor that an earlier one has made."""

    place: _Place
    tensors: Mapping[str, Download]
    drawn: Callable[[], DrawnNoise]

    def wait(self) -> None:
        for tensor in self.tensors.values():
            tensor.result()
        self.drawn()

    def pack(self) -> bytes:
        # No arithmetic: OpenMP gives threads of its own to every thread that computes, which slows the UNet's calls.
        drawn = self.drawn()
        tensors = {name: each.result().contiguous() for name, each in self.tensors.items()}
        tensors[_GENERATOR] = drawn.generator_state
        if drawn.ahead is not None:
            tensors[_AHEAD] = drawn.ahead
        return save(tensors, {"place": msgspec.json.encode(self.place).decode()})


def take(state: LatentState) -> PendingLatentSnapshot | None:
    """Start a snapshot. Returns None for a sampler without a linear form, which keeps more than its slots."""
    run = state.run
    if run.steps.linear is None:
        return None
    place = _Place(
        format=_FORMAT,
        position=run.position,
        second_pass=state.params.hires is not None and not state.awaits_second,
        steps_before=state.steps_before,
        level=run.steps.levels[0],
    )
    tensors = {_SLOTS: download(run.slots[: run.steps.linear.rows])}
    if state.params.taken_over_at and state.repainting is not None:
        tensors |= {name: download(getattr(state.repainting, name)) for name in _TAKEN_OVER}
    return PendingLatentSnapshot(place, tensors, run.noise.drawn())


@dataclass(frozen=True, slots=True)
class LatentSnapshot:
    """A snapshot that was read. Its tensors are on the CPU."""

    place: _Place
    tensors: Mapping[str, Tensor]

    @classmethod
    def read(cls, data: bytes) -> LatentSnapshot:
        """Read what `PendingLatentSnapshot.pack` returned. Raises `SnapshotError` where it is damaged."""
        try:
            length = int.from_bytes(data[:_LENGTH_BYTES], "little")
            header = _HEADERS.decode(data[_LENGTH_BYTES : _LENGTH_BYTES + length])
            place, tensors = _PLACES.decode(header.metadata.place), load(data)
        except (SafetensorError, msgspec.MsgspecError) as error:
            raise SnapshotError("The snapshot is damaged.") from error
        if place.format != _FORMAT or not {_SLOTS, _GENERATOR} <= tensors.keys():
            raise SnapshotError("The snapshot has another format.")
        return cls(place, tensors)

    def begins_second(self, state: LatentState) -> bool:
        """Whether the image, which has just begun, is to go on to its second pass. Raises `SnapshotError`."""
        if self.place.second_pass and not state.awaits_second:
            raise SnapshotError("The snapshot is of another image.")
        return self.place.second_pass

    @property
    def latents(self) -> Tensor:
        """[1, C, h, w], at the sampler's scale."""
        return self.tensors[_SLOTS][LATENTS : LATENTS + 1]

    @property
    def handed_over(self) -> HandedOver:
        """The input of an image of which another model made the first steps."""
        kept = [self.tensors[name] for name in _TAKEN_OVER if name in self.tensors]
        start = Start(self.latents, Repainting(*kept) if kept else None)
        return HandedOver(start, self.tensors[_GENERATOR], self.place.steps_before, self.place.level)

    def put_into(self, run: SamplerRun, device: torch.device) -> None:
        """Bring a run of the same steps to where the snapshot was taken. Raises `SnapshotError`."""
        slots, generator_state = self.tensors[_SLOTS], self.tensors[_GENERATOR]
        if slots.shape != run.slots.shape or not 0 <= self.place.position < run.calls or run.steps.linear is None:
            raise SnapshotError("The snapshot is of another image.")
        try:
            run.go_to(self.place.position, upload(slots, device), DrawnNoise(generator_state, self.tensors.get(_AHEAD)))
        except (RuntimeError, TypeError) as error:
            raise SnapshotError("The snapshot has no state of this generator.") from error
