"""A model may go on with another one's image where both have the same latents, and each of them has a step to make."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipelines import work_plan
from pipelines.errors import InvalidParamsError
from pipelines.fake import INFO
from pipelines.input_checks import check_refiner
from pipelines.params import GenerationParams, HiresFix, Refiner
from pipelines.sampling.samplers import SAMPLERS

REFINER = replace(INFO, name="refiner")
PARAMS = GenerationParams(
    prompt="x",
    width=128,
    height=128,
    steps=10,
    guidance_scale=4.0,
    seed=1,
    sampler="euler",
    refiner=Refiner(model="refiner", switch_at=0.8),
)
HIRES = HiresFix(width=64, height=64, steps=4, strength=0.5, upscaler="nearest")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"image": "a" * 64, "mask": "b" * 64, "strength": 0.3},
        {"steps": 2, "refiner": Refiner(model="refiner", switch_at=0.5)},
    ],
)
def test_what_both_models_can_do_is_accepted(fields: dict[str, Any]) -> None:
    check_refiner(INFO, REFINER, replace(PARAMS, **fields))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hires": HIRES}, "hires fix"),
        ({"steps": 1}, "at least one"),
        ({"steps": 2}, "at least one"),
        ({"image": "a" * 64, "strength": 0.2}, "at least one"),
        ({"steps": 201}, "at most 200 steps"),
        ({"width": 1024, "height": 1032}, "1048576 pixels"),
    ],
)
def test_what_they_cannot_do_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParamsError, match=message) as refusal:
        check_refiner(INFO, REFINER, replace(PARAMS, **fields))
    assert refusal.value.field == "refiner"


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"name": INFO.name}, "another model"),
        ({"latent_space": "other"}, "same latents"),
        ({"reads_kept": True}, "works alone"),
        ({"reads_image": True}, "works alone"),
    ],
)
def test_a_model_that_cannot_go_on_is_refused(traits: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParamsError, match=message):
        check_refiner(INFO, replace(REFINER, **traits), PARAMS)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("switch_at", [0.3, 0.55])
def test_the_two_parts_have_all_the_calls_of_the_whole(sampler: str, switch_at: float) -> None:
    params = replace(PARAMS, sampler=sampler, refiner=Refiner(model="refiner", switch_at=switch_at))
    models = {INFO.name: INFO, "refiner": REFINER}

    parts = work_plan.plan_whole(lambda name: models[name or INFO.name], params)
    whole = work_plan.plan(INFO, replace(params, refiner=None))

    def calls(plan: Any) -> int:
        return sum(call.calls_left for call in plan.calls if call.key.stage == "denoise")

    assert calls(parts) == calls(whole)
    assert parts.steps == whole.steps == work_plan.total_steps(params) == 10
    assert parts.models == (INFO.name, "refiner")


@pytest.mark.parametrize("reads", [{"reads_kept": True}, {"reads_image": True}])
def test_a_model_that_needs_inputs_hands_nothing_over(reads: dict[str, Any]) -> None:
    with pytest.raises(InvalidParamsError, match="works alone"):
        check_refiner(replace(INFO, **reads), REFINER, replace(PARAMS, image="a" * 64))
