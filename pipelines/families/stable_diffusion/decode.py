"""Finished latents to pixels, beside whatever else the device is given.

On CUDA a decode runs on a stream of its own, so that the next UNet call need not wait for it, and its pixels are copied
to pinned memory when it is done; elsewhere it is done when it has begun. In exact mode it stays on the stream of the
UNet calls: kernels that share the device may be chosen otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from pipelines.errors import BlackImageError, NonFiniteError, SpoiledError
from pipelines.families.stable_diffusion.state import LatentState
from pipelines.interface import RgbImage


class Event(Protocol):
    """A mark in a stream's work: a torch.cuda.Event."""

    def query(self) -> bool:
        """Whether the work before it is done."""

    def synchronize(self) -> None:
        """Wait for that."""


@dataclass(frozen=True, slots=True)
class LatentDecoding:
    """Implements `interface.Decoding`."""

    states: Sequence[LatentState]
    """Kept, since their latents are read until the decode is done."""
    pixels: Sequence[Tensor]
    """[H, W, 3] each, bytes on the CPU, once done."""
    finite: Tensor
    """[B], bool on the CPU, once done."""
    done: Event | None

    @property
    def ready(self) -> bool:
        return self.done is None or self.done.query()

    def finish(self) -> list[RgbImage]:
        if self.done is not None:
            self.done.synchronize()
        _refuse(NonFiniteError, [not finite for finite in self.finite.tolist()])
        rgb_images = [RgbImage(pixels.shape[1], pixels.shape[0], pixels.numpy().tobytes()) for pixels in self.pixels]
        _refuse(BlackImageError, [not any(rgb_image.pixels) for rgb_image in rgb_images])
        return rgb_images


class Decoder:
    """Starts decodes of images of one size."""

    def __init__(self, device: torch.device, *, aside: bool) -> None:
        """`aside`: on a stream of its own, where `device` has streams."""
        self._device = device
        self._has_streams = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if aside and self._has_streams else None  # type: ignore[no-untyped-call]

    @torch.inference_mode()
    def start(self, states: Sequence[LatentState]) -> LatentDecoding:
        with self._aside():
            images = _decode(states)
            finite = torch.stack([image.isfinite().all() for image in images]).to("cpu", non_blocking=True)
            pixels = [_to_pixels(image).to("cpu", non_blocking=True) for image in images]
            done = torch.cuda.current_stream(self._device).record_event() if self._has_streams else None
        return LatentDecoding(states, pixels, finite, done)

    def _aside(self) -> AbstractContextManager[object]:
        if self._stream is None:
            return nullcontext()
        # The latents are still being written by what the current stream was given.
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        return torch.cuda.stream(self._stream)


def _decode(states: Sequence[LatentState]) -> list[Tensor]:
    """[1, 3, H, W] for each, as its own networks have it."""
    images: dict[int, Tensor] = {}
    for networks in {id(state.networks): state.networks for state in states}.values():
        own = [position for position, state in enumerate(states) if state.networks is networks]
        decoded = networks.decode(torch.cat([states[position].latents for position in own]))
        images |= dict(zip(own, torch.split(decoded, 1), strict=True))
    return [images[position] for position in range(len(states))]


def _to_pixels(image: Tensor) -> Tensor:
    """To the bit what diffusers' VaeImageProcessor does, whose rounding is half to even too."""
    shares = (image[0] * 0.5 + 0.5).clamp(0, 1).permute(1, 2, 0).float()
    return shares.mul(255).round().to(torch.uint8).contiguous()


def _refuse(error: type[SpoiledError], spoiled: Sequence[bool]) -> None:
    if any(spoiled):
        raise error(tuple(position for position, bad in enumerate(spoiled) if bad))
