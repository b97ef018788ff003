"""An image depends on its batch in no bit in exact mode, and otherwise by at most one level of 255 in few values."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 -- its usual name
from torch import Tensor

from pipelines.errors import ModelLoadError
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.interface import finish_or_raise
from pipelines.params import GenerationParams
from pipelines.runtime import batch_invariance
from pipelines.runtime.batch_invariance import BatchInvariant
from pipelines.runtime.modes import RunMode
from tests.harness.models import tiny_model
from tests.harness.models.denoising import RandomBatches, assert_close_in_levels
from tests.harness.models.tiny_model import begin

IMAGE = GenerationParams(prompt="a fox", width=64, height=64, steps=4, guidance_scale=5.0, seed=1, sampler="euler_a")
SIMILAR = [replace(IMAGE, prompt="a car", seed=2), replace(IMAGE, guidance_scale=1.0, seed=3)]
DIFFERENT = [
    replace(IMAGE, prompt="trees", seed=4, sampler="heun", steps=9, guidance_scale=29.0),
    replace(IMAGE, prompt="", guidance_scale=0.0, seed=5, sampler="unipc"),
]

MAX_ROWS = 5
"""An odd number, so that with the second size's 35 latents a kernel's last vector ends within an image."""
MAX_DECODE = 3
BATCHES = RandomBatches(
    sizes=((64, 64), (40, 56)),
    samplers=("euler_a", "dpm++_2m", "heun", "lcm", "pndm", "unipc"),
    max_rows=MAX_ROWS,
    max_decode=MAX_DECODE,
)


def finish_beside(pipeline: LatentDiffusion, others: Sequence[LatentState]) -> tuple[LatentState, bytes]:
    """Make the image between two others in every call, and behind one in its decode. The others do not advance."""
    state = begin(pipeline, IMAGE)
    batch = [others[0], state, others[1]]
    while state.next_call:
        finish_or_raise(pipeline.advance([state], pipeline.predict(batch)[1:2]))
    return state, pipeline.decode([begin(pipeline, SIMILAR[0]), state])[1].pixels


@pytest.fixture(scope="module")
def expected(pipeline: LatentDiffusion) -> tuple[LatentState, bytes]:
    return finish_beside(pipeline, [begin(pipeline, params) for params in SIMILAR])


def test_other_images_in_the_batch_change_no_bit(
    pipeline: LatentDiffusion, expected: tuple[LatentState, bytes]
) -> None:
    state, pixels = finish_beside(pipeline, [begin(pipeline, params) for params in DIFFERENT])

    assert torch.equal(state.latents, expected[0].latents)
    assert pixels == expected[1]


def test_an_image_of_nan_in_the_batch_changes_no_bit(
    pipeline: LatentDiffusion, expected: tuple[LatentState, bytes]
) -> None:
    others = [begin(pipeline, params) for params in SIMILAR]
    for other in others:
        other.run.slots = torch.full_like(other.run.slots, float("nan"))

    state, pixels = finish_beside(pipeline, others)

    assert torch.equal(state.latents, expected[0].latents)
    assert pixels == expected[1]


def test_other_texts_in_the_batch_change_no_bit(pipeline: LatentDiffusion) -> None:
    one, other = (tiny_model.encode(pipeline, "a fox", text)[0] for text in ("a car", "x" * 100))

    assert torch.equal(one, other)


@pytest.mark.parametrize("sampler", ["ddim", "euler", "heun", "unipc", "pndm", "dpm++_2m_sde"])
def test_a_discarded_prediction_changes_nothing(pipeline: LatentDiffusion, sampler: str) -> None:
    params = replace(IMAGE, sampler=sampler)
    once, twice = begin(pipeline, params), begin(pipeline, params)
    while once.next_call:
        pipeline.predict([twice])
        for state in (once, twice):
            finish_or_raise(pipeline.advance([state], pipeline.predict([state])))
        assert torch.equal(once.latents, twice.latents)
        assert once.next_call == twice.next_call


@pytest.fixture(scope="module")
def exact_pipeline(model_folder: Path) -> LatentDiffusion:
    return tiny_model.load(model_folder, mode=RunMode(exact=True, max_rows=MAX_ROWS, max_decode=MAX_DECODE))


@pytest.mark.parametrize("seed", range(3))
def test_in_exact_mode_random_batches_change_no_bit(exact_pipeline: LatentDiffusion, seed: int) -> None:
    dice = random.Random(seed)
    images = BATCHES.images(dice, 6)

    together = BATCHES.make_together(exact_pipeline, images, dice)

    assert together == [BATCHES.make_alone(exact_pipeline, params) for params in images]


def test_in_exact_mode_neither_an_image_of_nan_nor_the_index_after_it_changes_a_bit(
    exact_pipeline: LatentDiffusion,
) -> None:
    params = replace(IMAGE, width=40, height=56)
    state, broken = begin(exact_pipeline, params), begin(exact_pipeline, replace(params, seed=2))
    broken.run.slots = torch.full_like(broken.run.slots, float("nan"))

    (alone,) = exact_pipeline.predict([state])
    _, beside = exact_pipeline.predict([broken, state])

    assert torch.equal(alone, beside)


def test_in_exact_mode_more_texts_than_one_call_takes_change_no_bit(exact_pipeline: LatentDiffusion) -> None:
    texts = [f"a fox, {n}" for n in range(2 * batch_invariance.TEXTS + 1)]

    together = tiny_model.encode(exact_pipeline, *texts)

    for text, conditioning in zip(texts, together, strict=True):
        assert torch.equal(conditioning, tiny_model.encode(exact_pipeline, text)[0])


def test_in_default_mode_the_batch_changes_at_most_one_level_in_a_thousandth_of_the_values(
    pipeline: LatentDiffusion,
) -> None:
    dice = random.Random(0)
    images = BATCHES.images(dice, 8)

    for params, together in zip(images, BATCHES.make_together(pipeline, images, dice), strict=True):
        assert_close_in_levels(BATCHES.make_alone(pipeline, params).pixels, together.pixels)


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def group_norm(batch: Tensor) -> Tensor:
    return F.group_norm(batch.contiguous(memory_format=torch.channels_last), 8)


def time_embedding(batch: Tensor) -> Tensor:
    return F.linear(batch.flatten(1)[:, :192], torch.linspace(-1, 1, 192 * 144).view(144, 192))


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("rows", [3, 5, 7])
@pytest.mark.parametrize("network", [F.silu, torch.sigmoid, group_norm, time_embedding])
def test_functions_that_kernels_divide_between_threads_and_lanes_give_the_same_result_at_every_index(
    network: Callable[..., Any], rows: int
) -> None:
    row = torch.randn(1, 48, 35, 35, generator=torch.Generator().manual_seed(rows))

    batch_invariance.check_position_invariance(lambda *batch: BatchInvariant(rows).run(network, *batch), rows, row)


def test_a_machine_on_which_results_depend_on_the_index_is_refused() -> None:
    def network(batch: Tensor) -> Tensor:
        return batch + 1e-7 * torch.arange(len(batch))[:, None]

    with pytest.raises(ModelLoadError, match="depends on its index"):
        batch_invariance.check_position_invariance(network, 4, torch.ones(1, 3))
