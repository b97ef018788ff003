"""An image that is resumed from a snapshot ends with the bits of one that was never interrupted, wherever it was taken.

The snapshots are packed after the image has gone on, as another thread may do it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import torch

from pipelines.errors import SnapshotError
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.interface import EncodedInput, Stage
from pipelines.params import GenerationParams, Refiner
from pipelines.runtime.modes import RunMode
from pipelines.sampling.samplers import SamplerChoice
from tests.harness.engine import uploads
from tests.harness.models import tiny_model
from tests.harness.models.denoising import finish, step
from tests.harness.models.sampling import CHOICES, label

PARAMS: Final = replace(tiny_model.PARAMS, steps=5)
LARGE: Final = replace(PARAMS, width=96, height=80)
STARTS: Final[dict[str, GenerationParams]] = {
    "from an image": replace(PARAMS, image=uploads.IMAGE, strength=0.8),
    "under a mask": replace(PARAMS, image=uploads.IMAGE, mask=uploads.MASK),
    "under a mask at less strength": replace(PARAMS, image=uploads.IMAGE, mask=uploads.MASK, strength=0.6),
    "two passes": replace(LARGE, hires=replace(uploads.ENLARGED, strength=0.75)),
    "two passes by way of pixels": replace(LARGE, hires=replace(uploads.DECODED, strength=0.75)),
    "unguided": replace(PARAMS, guidance_scale=1.0),
    "rescaled": replace(PARAMS, guidance_rescale=0.7),
}


def resume(
    pipeline: LatentDiffusion, params: GenerationParams, snapshot: bytes, encoded: EncodedInput | None = None
) -> LatentState:
    return pipeline.resume(params, pipeline.encode(pipeline.texts(params)), encoded, snapshot)


def awaits_unet(state: LatentState) -> bool:
    return state.next_call is not None and state.next_call.key.stage is Stage.DENOISE


def finish_with_snapshots(pipeline: LatentDiffusion, state: LatentState) -> list[tuple[int, bytes]]:
    """Finish an image. Return a snapshot before each of its UNet calls but the first, and the step of each."""
    taken = []
    while state.next_call is not None:
        step(pipeline, [state])
        if awaits_unet(state):
            pending = pipeline.snapshot(state)
            assert pending is not None
            pending.wait()
            taken.append((state.step, pending))
    return [(at, pending.pack()) for at, pending in taken]


def assert_resumes_anywhere(
    pipeline: LatentDiffusion, params: GenerationParams, whole: LatentState | None = None
) -> None:
    whole = tiny_model.begin(pipeline, params) if whole is None else whole
    snapshots = finish_with_snapshots(pipeline, whole)
    (pixels,) = pipeline.decode([whole])

    assert snapshots
    for at, snapshot in snapshots:
        resumed = resume(pipeline, params, snapshot, uploads.encode(pipeline, params))
        assert resumed.step == at
        finish(pipeline, [resumed])
        assert torch.equal(resumed.latents, whole.latents)
        assert torch.equal(resumed.preview, whole.preview)
        assert pipeline.decode([resumed]) == [pixels]


@pytest.mark.parametrize("choice", CHOICES, ids=label)
def test_every_sampler_resumes_after_any_call(pipeline: LatentDiffusion, choice: SamplerChoice) -> None:
    assert_resumes_anywhere(pipeline, replace(PARAMS, sampler=choice.sampler.name, schedule=choice.schedule))


@pytest.mark.parametrize("sampler", ["dpm++_2m", "euler_a", "heun"])
@pytest.mark.parametrize("params", STARTS.values(), ids=STARTS)
def test_every_start_resumes_after_any_call(pipeline: LatentDiffusion, params: GenerationParams, sampler: str) -> None:
    assert_resumes_anywhere(pipeline, replace(params, sampler=sampler))


@pytest.mark.parametrize("more", [{}, {"image": uploads.IMAGE, "mask": uploads.MASK}], ids=["noise", "mask"])
@pytest.mark.parametrize("sampler", ["dpm++_2m", "euler_a"])
def test_a_refiner_resumes_without_the_model_before_it(
    pipeline: LatentDiffusion, sampler: str, more: dict[str, Any]
) -> None:
    params = replace(PARAMS, steps=6, sampler=sampler, refiner=Refiner(model="refiner", switch_at=0.5), **more)
    base = tiny_model.begin(pipeline, params)
    finish(pipeline, [base])
    after = params.after_switch
    assert after is not None
    refined = pipeline.begin(after, pipeline.encode(pipeline.texts(after)), pipeline.hand_over(base))

    assert_resumes_anywhere(pipeline, after, refined)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("sdxl", PARAMS),
        ("sd_inpaint", replace(PARAMS, image=uploads.IMAGE, mask=uploads.MASK)),
        ("instruct_pix2pix", replace(PARAMS, image=uploads.IMAGE, image_guidance_scale=1.5)),
    ],
    ids=["sdxl", "sd_inpaint", "instruct_pix2pix"],
)
def test_other_families_resume(zoo: Callable[[str], Path], kind: str, params: GenerationParams) -> None:
    assert_resumes_anywhere(tiny_model.load(zoo(kind)), replace(params, sampler="euler_a"))


def test_in_exact_mode_an_image_resumes_beside_others(model_folder: Path) -> None:
    pipeline = tiny_model.load(model_folder, mode=RunMode(exact=True, max_rows=5, max_decode=2))
    params = replace(PARAMS, sampler="dpm++_2m_sde")
    whole = tiny_model.begin(pipeline, params)
    snapshots = finish_with_snapshots(pipeline, whole)

    for _, snapshot in snapshots:
        resumed = resume(pipeline, params, snapshot)
        other = tiny_model.begin(pipeline, replace(params, seed=8, steps=9, sampler="unipc"))
        finish(pipeline, [other, resumed])
        assert torch.equal(resumed.latents, whole.latents)


def test_what_a_call_with_others_adds_to_the_slots_is_not_kept(pipeline: LatentDiffusion) -> None:
    """A sampler that keeps less is given empty slots beside one that keeps more."""
    alone, together = (tiny_model.begin(pipeline, replace(PARAMS, sampler="euler")) for _ in range(2))
    more = tiny_model.begin(pipeline, replace(PARAMS, sampler="deis"))
    step(pipeline, [alone])
    step(pipeline, [together, more])
    sizes = []
    for state in (alone, together):
        pending = pipeline.snapshot(state)
        assert pending is not None
        pending.wait()
        sizes.append(len(pending.pack()))

    assert sizes[0] == sizes[1]
    assert len(together.run.slots) > len(alone.run.slots)


def test_an_upcast_image_has_no_snapshot(pipeline: LatentDiffusion) -> None:
    assert pipeline.snapshot(pipeline.begin_upcast(PARAMS)) is None


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.9])
def test_a_damaged_snapshot_is_refused(pipeline: LatentDiffusion, fraction: float) -> None:
    state = tiny_model.begin(pipeline, PARAMS)
    (_, snapshot), *_ = finish_with_snapshots(pipeline, state)

    with pytest.raises(SnapshotError):
        resume(pipeline, PARAMS, snapshot[: int(fraction * len(snapshot))])


@pytest.mark.parametrize(
    "other",
    [replace(PARAMS, width=128), replace(PARAMS, steps=1), replace(PARAMS, sampler="unipc")],
    ids=["size", "steps", "sampler"],
)
def test_a_snapshot_of_another_image_is_refused(pipeline: LatentDiffusion, other: GenerationParams) -> None:
    state = tiny_model.begin(pipeline, PARAMS)
    *_, (_, snapshot) = finish_with_snapshots(pipeline, state)

    with pytest.raises(SnapshotError):
        resume(pipeline, other, snapshot)


def test_a_second_pass_is_no_snapshot_of_an_image_of_one(pipeline: LatentDiffusion) -> None:
    state = tiny_model.begin(pipeline, STARTS["two passes"])
    *_, (_, snapshot) = finish_with_snapshots(pipeline, state)

    with pytest.raises(SnapshotError):
        resume(pipeline, LARGE, snapshot)
