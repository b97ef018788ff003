"""The pixels outside a mask are put back as diffusers does it, and only if the request says so."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipelines.interface import InputPixels, RgbImage
from pipelines.params import PixelKey
from service.engine import messages
from service.engine.worker.stages import kept_pixels
from tests.harness.engine import uploads
from tests.harness.engine.recording import make_recording_harness
from tests.harness.engine.uploads import IMAGE, MASK
from tests.harness.engine.worker_harness import make_alone, make_params

SIZE = (64, 48)
ORIGINAL, NOISE = (uploads.pixels_of(PixelKey(digest, *SIZE), 3) for digest in (IMAGE, uploads.OTHER_IMAGE))
MADE = RgbImage(*SIZE, NOISE.pixels)


def theirs(mask: InputPixels) -> bytes:
    from diffusers.image_processor import VaeImageProcessor

    made, original = (Image.frombytes("RGB", SIZE, pixels) for pixels in (MADE.pixels, ORIGINAL.pixels))
    shown = Image.frombytes("L", SIZE, mask.pixels)
    return bytes(VaeImageProcessor().apply_overlay(shown, original, made).tobytes())


@pytest.mark.integration
def test_with_a_mask_of_black_and_white_it_is_what_diffusers_makes_to_the_bit() -> None:
    keeps = bytes(255 * (x >= 20) for _ in range(SIZE[1]) for x in range(SIZE[0]))
    mask = InputPixels(*SIZE, 1, keeps)
    assert kept_pixels.put_back(MADE, ORIGINAL, mask).pixels == theirs(mask)


@pytest.mark.integration
def test_with_a_soft_mask_it_is_what_diffusers_makes_but_for_rounding() -> None:
    mask = uploads.pixels_of(PixelKey(MASK, *SIZE), 1)
    ours = np.frombuffer(kept_pixels.put_back(MADE, ORIGINAL, mask).pixels, np.uint8).astype(int)
    assert np.abs(ours - np.frombuffer(theirs(mask), np.uint8)).max() <= 2


@pytest.mark.parametrize("keep", [True, False])
def test_a_finished_image_has_them_where_that_is_asked_for(*, keep: bool) -> None:
    harness, _ = make_recording_harness()
    params = make_params(image=IMAGE, mask=MASK, keep_unmasked=keep)
    harness.submit("a", params)
    harness.submit("plain", make_params(image=IMAGE, keep_unmasked=keep))
    harness.run()

    made = RgbImage(params.width, params.height, make_alone(params))
    expected = kept_pixels.put_back(made, *uploads.inputs_of(params)) if keep else made
    assert harness.pixels["a"] == expected.pixels
    assert harness.pixels["plain"] == make_alone(make_params(image=IMAGE))
    assert not harness.sent(messages.Failed)
