"""Edits by instructions equal those of diffusers' own InstructPix2Pix pipelines, in calls with any other edits.

Both draw the initial noise from one generator, and then the sampler's noise. The image is read without a sample of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipelines.errors import InvalidParamsError
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.interface import Stage
from pipelines.params import GenerationParams
from pipelines.runtime.modes import RunMode
from pipelines.sampling.samplers import SAMPLERS
from tests.harness.engine import uploads
from tests.harness.engine.uploads import ENLARGED, IMAGE, MASK, OTHER_IMAGE
from tests.harness.models import diffusers_inputs, tiny_model
from tests.harness.models.denoising import finish, finish_joined, step
from tests.harness.models.diffusers_reference import distance, distances
from tests.harness.models.pairs import Pair
from tests.harness.models.tiny_model import PARAMS, begin
from tests.harness.work_plans import assert_keeps_to_its_plan

TOLERANCE = 3e-5
LMS_TOLERANCE = 1e-4
"""Diffusers integrates the coefficients of LMS numerically."""
EDIT = replace(PARAMS, image=IMAGE, image_guidance_scale=1.5)
EDITS = [
    replace(EDIT, steps=5),
    replace(EDIT, prompt="two blue cars", steps=3, image_guidance_scale=1.0, image=OTHER_IMAGE, seed=7),
    replace(EDIT, steps=4, guidance_scale=1.0, negative_prompt=None, seed=8),
    replace(EDIT, prompt="", steps=6, guidance_scale=9.0, image_guidance_scale=2.5, negative_prompt=None, seed=9),
]
"""Edits of three, two, one and three rows."""


@pytest.fixture
def editor(pair: Pair) -> LatentDiffusion:
    pipeline, _ = pair("instruct_pix2pix")
    return pipeline


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_matches_diffusers(pair: Pair, sampler: str) -> None:
    ours, theirs = pair("instruct_pix2pix")

    tolerance = LMS_TOLERANCE if sampler == "lms" else TOLERANCE
    assert max(distances(ours, theirs, sampler, images=EDITS, make=diffusers_inputs.latents)) < tolerance


@pytest.mark.parametrize("sampler", ["euler", "heun", "dpm++_2m"])
def test_edits_by_stable_diffusion_xl_match_diffusers(pair: Pair, sampler: str) -> None:
    ours, theirs = pair("sdxl_instruct_pix2pix")
    edits = [*EDITS, replace(EDIT, negative_prompt=None, original_size=(512, 768), crop=(10, 20), guidance_rescale=0.7)]

    assert max(distances(ours, theirs, sampler, images=edits, make=diffusers_inputs.latents)) < TOLERANCE


def test_the_image_and_both_scales_change_an_edit(editor: LatentDiffusion) -> None:
    others = [
        replace(EDIT, image=OTHER_IMAGE),
        replace(EDIT, guidance_scale=2.0),
        replace(EDIT, image_guidance_scale=1.0),
        replace(EDIT, image_guidance_scale=3.0),
    ]

    edit, *different = finish_joined(editor, [EDIT, *others])

    assert min(distance(each.latents, edit.latents) for each in different) > 100 * TOLERANCE


def test_an_edit_takes_a_row_for_each_of_its_guidances_and_one_for_itself(editor: LatentDiffusion) -> None:
    calls = [call for edit in EDITS for call in editor.plan(edit).calls if call.key.stage is Stage.DENOISE]

    assert [call.rows for call in calls] == [3, 2, 1, 3]
    assert len({call.key for call in calls}) == 1


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_keeps_to_its_plan(editor: LatentDiffusion, edit: GenerationParams) -> None:
    assert_keeps_to_its_plan(editor, edit)


def test_an_edit_holds_no_more_bytes_than_planned(editor: LatentDiffusion) -> None:
    state = begin(editor, EDIT)
    (output,) = editor.predict([state])
    assert state.concatenated is not None

    held = [state.run.slots, state.conditioning.hidden, state.concatenated, output]
    assert sum(each.nbytes for each in held) <= editor.plan(EDIT).state_bytes


def test_in_exact_mode_an_edit_has_the_same_bits_in_any_batch(zoo: Callable[[str], Path]) -> None:
    exact = tiny_model.load(zoo("instruct_pix2pix"), mode=RunMode(exact=True, max_rows=4, max_decode=2))
    edits = [replace(edit, sampler="euler_a") for edit in EDITS]

    alone = [finish_joined(exact, [edit])[0] for edit in edits]
    together = finish_joined(exact, edits)

    assert all(torch.equal(one.latents, other.latents) for one, other in zip(alone, together, strict=True))


def test_an_upcast_edit_is_the_same_in_the_wider_dtype(editor: LatentDiffusion) -> None:
    (plain,) = finish_joined(editor, [EDIT])

    upcast = editor.begin_upcast(EDIT, uploads.encode(editor, EDIT))
    finish(editor, [upcast])

    assert upcast.conditioning.hidden.dtype is torch.float64
    assert distance(upcast.latents, plain.latents) < TOLERANCE


def test_a_preview_shows_the_edit_so_far(editor: LatentDiffusion) -> None:
    state = begin(editor, EDIT)
    noise = editor.preview(state)
    step(editor, [state])

    assert editor.preview(state).pixels != noise.pixels


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"image": None}, "image"),
        ({"image": None, "hires": ENLARGED, "width": 128, "height": 128}, "image"),
        ({"mask": MASK}, "mask"),
        ({"hires": ENLARGED, "width": 128, "height": 128}, "hires"),
        ({"strength": 0.5}, "strength"),
        ({"image_guidance_scale": 0.5}, "image_guidance_scale"),
        ({"image_guidance_scale": float("nan")}, "image_guidance_scale"),
        ({"image_guidance_scale": 31.0}, "image_guidance_scale"),
    ],
    ids=str,
)
def test_what_an_edit_cannot_have_is_refused(editor: LatentDiffusion, changes: dict[str, object], field: str) -> None:
    params = replace(EDIT, **changes)  # type: ignore[arg-type]  # the parameters of the table are of their types

    with pytest.raises(InvalidParamsError) as refusal:
        begin(editor, params)

    assert refusal.value.field == field


def test_a_model_that_edits_takes_no_mask(editor: LatentDiffusion) -> None:
    assert (editor.info.input_kinds, editor.info.required_inputs) == (("image",), ("image",))
