"""A decode names the images that hold NaN or are black, and is ready when its stream is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.errors import BlackImageError, NonFiniteError
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.params import GenerationParams
from tests.harness.models import tiny_model
from tests.harness.models.tiny_model import begin

PARAMS = GenerationParams(
    prompt="a red fox", width=64, height=48, steps=4, guidance_scale=5.0, seed=3, sampler="dpm++_2m"
)


@pytest.fixture
def own_pipeline(model_folder: Path) -> LatentDiffusion:
    """A pipeline whose weights a test may change."""
    return tiny_model.load(model_folder)


def paint_all(state: LatentState, value: float) -> None:
    """Make the state's autoencoder decode everything to that value, in -1 to 1."""
    last = state.networks.vae.decoder.conv_out
    last.weight.zero_()
    last.bias.fill_(value)


def fill_with_nan(state: LatentState) -> LatentState:
    state.run.slots = torch.full_like(state.run.slots, float("nan"))
    return state


def test_a_decode_names_the_images_that_hold_nan(pipeline: LatentDiffusion) -> None:
    first, second, third = (begin(pipeline, PARAMS) for _ in range(3))

    with pytest.raises(NonFiniteError) as failure:
        pipeline.decode([fill_with_nan(first), second, fill_with_nan(third)])

    assert failure.value.positions == (0, 2)
    (image,) = pipeline.decode([second])
    assert (image.width, image.height, len(image.pixels)) == (64, 48, 64 * 48 * 3)


def test_a_decode_names_the_black_images(own_pipeline: LatentDiffusion) -> None:
    states = [begin(own_pipeline, PARAMS), own_pipeline.begin_upcast(PARAMS), begin(own_pipeline, PARAMS)]
    paint_all(states[0], -1.0)
    paint_all(states[1], 0.5)

    with pytest.raises(BlackImageError) as failure:
        own_pipeline.decode(states)

    assert failure.value.positions == (0, 2)


def test_an_image_with_one_value_above_black_is_no_error(own_pipeline: LatentDiffusion) -> None:
    state = begin(own_pipeline, PARAMS)
    paint_all(state, -1.0)
    state.networks.vae.decoder.conv_out.bias[2] = -1 + 2 / 255

    (image,) = own_pipeline.decode([state])

    assert image.pixels == bytes([0, 0, 1]) * (64 * 48)


def test_upcast_and_other_images_may_be_decoded_together(own_pipeline: LatentDiffusion) -> None:
    states = [begin(own_pipeline, PARAMS), own_pipeline.begin_upcast(PARAMS), begin(own_pipeline, PARAMS)]
    paint_all(states[0], -0.5)
    paint_all(states[1], 0.5)

    images = own_pipeline.decode(states)

    assert [image.pixels[0] for image in images] == [64, 191, 64]


def test_a_tiled_decode_looks_as_the_whole_one_does(pipeline: LatentDiffusion) -> None:
    """The weights are random, so that tones differ more from tile to tile than a trained autoencoder's."""
    state = begin(pipeline, PARAMS)
    state.run.slots = torch.randn(1, 4, 6, 100, generator=torch.Generator("cpu").manual_seed(0))

    (whole,), (tiled,) = (pipeline.start_decode([state], tiled=tiled).finish() for tiled in (False, True))

    assert (tiled.width, tiled.height) == (whole.width, whole.height) == (800, 48)
    differences = np.abs(np.subtract(*(np.frombuffer(image.pixels, np.uint8).astype(int) for image in (tiled, whole))))
    assert 0 < differences.mean() < 3


class Event:
    """A CUDA event that is not reached before someone waits for it."""

    def __init__(self) -> None:
        self.waited = False

    def query(self) -> bool:
        return self.waited

    def synchronize(self) -> None:
        self.waited = True


def test_a_decode_on_a_stream_is_ready_when_its_event_is_reached(pipeline: LatentDiffusion) -> None:
    state = begin(pipeline, PARAMS)
    event = Event()
    complete = pipeline.start_decode([state])
    on_stream = replace(complete, done=event)

    assert complete.ready
    assert not on_stream.ready
    assert on_stream.finish() == pipeline.decode([state])
    assert event.waited
