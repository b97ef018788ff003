"""Decodes finished latents to pixels while the device may do other work, and checks them on the device.

On CUDA a decode runs on its own stream, so that the next UNet call need not wait for it, and its pixels are copied to
pinned memory. On other devices a decode is complete when `start` returns. In exact mode a decode stays on the stream of
the UNet calls, because libraries may choose other kernels while two streams share the device.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from pipelines.errors import BlackImageError, NonFiniteError, NumericalError
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.interface import RgbImage
from pipelines.runtime import devices
from pipelines.runtime.networks import Networks
from pipelines.transfers import StreamEvent

_MAX_SAVED: Final = 2
"""Images that only the wider decoder could decode, after which it decodes every image."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PendingLatentDecode:
    """Implements `interface.PendingDecode`. The tensors are valid after the event `done`."""

    states: Sequence[LatentState]
    """Held because the decode reads their latents until it is done."""
    pixels: Tensor
    """[B, H, W, 3], uint8 on the CPU."""
    checks: Tensor
    """[2, B], bool on the CPU: whether an image has only finite numbers, and whether it is black."""
    done: StreamEvent | None
    """None if the decode was complete when it started."""
    on_success: Callable[[], None]
    """Called when all images have turned out sound."""

    @property
    def ready(self) -> bool:
        return self.done is None or self.done.query()

    def finish(self) -> list[RgbImage]:
        if self.done is not None:
            self.done.synchronize()
        finite, black = self.checks.tolist()
        _raise_for(NonFiniteError, [not each for each in finite])
        _raise_for(BlackImageError, black)
        self.on_success()
        _, height, width, _ = self.pixels.shape
        return [RgbImage(width, height, pixels.tobytes()) for pixels in self.pixels.numpy()]


class Decoder:
    """Starts decodes. The images of one decode have one size."""

    def __init__(self, networks: Networks, *, exact: bool) -> None:
        """`exact` keeps what a decode does independent of the decodes before it and of other work on the device."""
        self._networks = networks
        self._has_streams = networks.device.type == "cuda"
        self._stream = None if exact else devices.decode_stream(networks.device)
        self._exact = exact
        self._saved = 0
        """Images that the wider decoder saved."""

    @torch.inference_mode()
    def start(self, states: Sequence[LatentState], *, wide: bool, tiled: bool) -> PendingLatentDecode:
        """Start a decode. `wide` and `tiled` are those of `interface.Pipeline.start_decode`.

        In exact mode an image is not decoded in tiles because memory ran out: whether it does may depend on the others.
        """
        with self._stream_context():
            images = self._decode(states, wide=wide, tiled=tiled and not self._exact)
            pixels = torch.cat([_to_pixels(image) for image in images])
            finite = torch.stack([image.isfinite().all() for image in images])
            checks = torch.stack([finite, pixels.flatten(1).amax(1) == 0]).to("cpu", non_blocking=True)
            pixels = pixels.to("cpu", non_blocking=True)
            done = torch.cuda.current_stream(self._networks.device).record_event() if self._has_streams else None
        saved = sum(state.networks is self._networks for state in states) if wide else 0
        return PendingLatentDecode(states, pixels, checks, done, lambda: self._count_saved(saved))

    @torch.inference_mode()
    def decode_for_calls(self, state: LatentState, *, tiled: bool) -> Tensor:
        """Decode an image to [1, 3, H, W], float32, for later calls on the device, which wait for it.

        It is decoded in a wider dtype where the model's own overflows.
        """
        with self._stream_context():
            (image,) = self._decode([state], wide=False, tiled=tiled)
            if not bool(image.isfinite().all()):
                (image,) = self._decode([state], wide=True, tiled=tiled)
        if self._stream is not None:
            calls = torch.cuda.current_stream(self._networks.device)
            calls.wait_stream(self._stream)
            image.record_stream(calls)
        return image.float()

    def _decode(self, states: Sequence[LatentState], *, wide: bool, tiled: bool) -> list[Tensor]:
        """Decode each image with its own networks, to [1, 3, H, W]. The networks of upcast images are wide already."""
        images: dict[int, Tensor] = {}
        for networks in {id(state.networks): state.networks for state in states}.values():
            own = [position for position, state in enumerate(states) if state.networks is networks]
            latents = torch.cat([states[position].latents for position in own])
            decoded = networks.decode(latents, wide=wide and networks is self._networks, tiled=tiled)
            images |= dict(zip(own, torch.split(decoded, 1), strict=True))
        return [images[position] for position in range(len(states))]

    def _count_saved(self, images: int) -> None:
        self._saved += images
        decoder = self._networks.decoder
        if self._saved >= _MAX_SAVED and not decoder.always_wide and not self._exact:
            decoder.always_wide = True
            dtype = str(self._networks.dtype).removeprefix("torch.")
            _log.warning("The autoencoder overflows in %s. It decodes every image in a wider dtype from now on.", dtype)

    def _stream_context(self) -> AbstractContextManager[object]:
        if self._stream is None:
            return nullcontext()
        # The current stream may still be writing the latents.
        self._stream.wait_stream(torch.cuda.current_stream(self._networks.device))
        return torch.cuda.stream(self._stream)


def _to_pixels(image: Tensor) -> Tensor:
    """Convert [1, 3, H, W] to [1, H, W, 3], to the bit as diffusers' VaeImageProcessor does: half rounds to even."""
    unit = (image * 0.5 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).float()
    return unit.mul(255).round().to(torch.uint8)


def _raise_for(error: type[NumericalError], bad: Sequence[bool]) -> None:
    if any(bad):
        raise error(tuple(position for position, is_bad in enumerate(bad) if is_bad))
