"""Decodes finished latents to pixels while the device may do other work.

On CUDA a decode runs on its own stream, so that the next UNet call need not wait for it, and its pixels are copied to
pinned memory. On other devices a decode is complete when `start` returns. In exact mode a decode stays on the stream of
the UNet calls, because libraries may choose other kernels while two streams share the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from pipelines.errors import BlackImageError, NonFiniteError, NumericalError
from pipelines.families.stable_diffusion.state import LatentState
from pipelines.interface import RgbImage
from pipelines.runtime import devices


class StreamEvent(Protocol):
    """The part of torch.cuda.Event that is used here: a mark in the work of a stream."""

    def query(self) -> bool:
        """True if the work before the mark is done."""

    def synchronize(self) -> None:
        """Wait until the work before the mark is done."""


@dataclass(frozen=True, slots=True)
class PendingLatentDecode:
    """Implements `interface.PendingDecode`. `pixels` and `finite` are valid after the event `done`."""

    states: Sequence[LatentState]
    """Held because the decode reads their latents until it is done."""
    pixels: Sequence[Tensor]
    """[H, W, 3] each, uint8 on the CPU."""
    finite: Tensor
    """[B], bool on the CPU."""
    done: StreamEvent | None
    """None if the decode was complete when it started."""

    @property
    def ready(self) -> bool:
        return self.done is None or self.done.query()

    def finish(self) -> list[RgbImage]:
        if self.done is not None:
            self.done.synchronize()
        _raise_for(NonFiniteError, [not finite for finite in self.finite.tolist()])
        images = [RgbImage(pixels.shape[1], pixels.shape[0], pixels.numpy().tobytes()) for pixels in self.pixels]
        _raise_for(BlackImageError, [not any(image.pixels) for image in images])
        return images


class Decoder:
    """Starts decodes. The images of one decode have one size."""

    def __init__(self, device: torch.device, *, own_stream: bool) -> None:
        """`own_stream` makes decodes run on a stream of their own, if the device has streams."""
        self._device = device
        self._has_streams = device.type == "cuda"
        self._stream = devices.decode_stream(device) if own_stream else None

    @torch.inference_mode()
    def start(self, states: Sequence[LatentState]) -> PendingLatentDecode:
        with self._stream_context():
            images = _decode(states)
            finite = torch.stack([image.isfinite().all() for image in images]).to("cpu", non_blocking=True)
            pixels = [_to_pixels(image).to("cpu", non_blocking=True) for image in images]
            done = torch.cuda.current_stream(self._device).record_event() if self._has_streams else None
        return PendingLatentDecode(states, pixels, finite, done)

    def _stream_context(self) -> AbstractContextManager[object]:
        if self._stream is None:
            return nullcontext()
        # The current stream may still be writing the latents.
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        return torch.cuda.stream(self._stream)


def _decode(states: Sequence[LatentState]) -> list[Tensor]:
    """Decode each image with its own networks, to [1, 3, H, W]."""
    images: dict[int, Tensor] = {}
    for networks in {id(state.networks): state.networks for state in states}.values():
        own = [position for position, state in enumerate(states) if state.networks is networks]
        decoded = networks.decode(torch.cat([states[position].latents for position in own]))
        images |= dict(zip(own, torch.split(decoded, 1), strict=True))
    return [images[position] for position in range(len(states))]


def _to_pixels(image: Tensor) -> Tensor:
    """Convert [1, 3, H, W] to [H, W, 3], to the bit as diffusers' VaeImageProcessor does. Both round half to even."""
    unit = (image[0] * 0.5 + 0.5).clamp(0, 1).permute(1, 2, 0).float()
    return unit.mul(255).round().to(torch.uint8).contiguous()


def _raise_for(error: type[NumericalError], bad: Sequence[bool]) -> None:
    if any(bad):
        raise error(tuple(position for position, is_bad in enumerate(bad) if is_bad))
