"""A body sent to /api/v1/jobs becomes a job, and each problem of a bad one is refused with its pointer."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.fake import INFO
from service.api.dialects.jobs.resolve import job_spec, parse_request
from service.api.dialects.jobs.schemas import MAX_JOB_IMAGES, JobRequest
from service.api.generation.sizes import can_draw
from service.engine.types import Priority
from service.errors import DarkroomError, UnknownModelError, UnprocessableError
from service.jobs.records import JobSpec

CANARY: Final = "cAnArY7"


def resolved(**fields: object) -> JobSpec:
    return job_spec(parse_request({"prompt": "x", **fields}), INFO, None)


def sizes(spec: JobSpec) -> set[tuple[int, int]]:
    return {(each.params.width, each.params.height) for each in spec.images}


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({}, ["/prompt"]),
        ({"prompt": ""}, ["/prompt/0"]),
        ({"prompt": None}, ["/prompt"]),
        ({"prompt": 7}, ["/prompt"]),
        ({"prompt": []}, ["/prompt"]),
        ({"prompt": ["x", ""]}, ["/prompt/1"]),
        ({"prompt": ["x", {CANARY: 1}]}, ["/prompt/1"]),
        ({"prompt": ["x"] * 101}, ["/prompt"]),
        ({"prompt": ["x"] * 11, "n": 10}, ["/n"]),
        ({"prompt": f"{CANARY}\ud800"}, ["/prompt/0"]),
        ({"prompt": f"{CANARY}\0"}, ["/prompt/0"]),
        ({"prompt": CANARY * 1000}, ["/prompt"]),
        ({"prompt": "{a|b}" * 30, "prompt_matrix": True}, ["/prompt"]),
        ({"prompt": "{" + "|" * 1000 + "}", "prompt_matrix": True}, ["/prompt"]),
        ({"prompt": "{a|b}{a|b}{a|b}{a|b}", "prompt_matrix": True, "n": 10}, ["/n"]),
        ({"prompt": "{|}", "prompt_matrix": True}, ["/prompt"]),
        ({"prompt": "x", "prompt_matrix": "yes"}, ["/prompt_matrix"]),
        ({"prompt": "x", "prompt_matrix": 1}, ["/prompt_matrix"]),
        ({"prompt": "x", "negative_prompt": "\udfff"}, ["/negative_prompt"]),
        ({"prompt": "x", "long_prompt": None}, ["/long_prompt"]),
        ({"prompt": "x", "negative_prompt": CANARY * 1000}, ["/negative_prompt"]),
        ({"prompt": "x", "n": 0}, ["/n"]),
        ({"prompt": "x", "n": 11}, ["/n"]),
        ({"prompt": "x", "n": True}, ["/n"]),
        ({"prompt": "x", "n": CANARY}, ["/n"]),
        ({"prompt": "x", "n": float("inf")}, ["/n"]),
        ({"prompt": "x", "width": 7}, ["/width"]),
        ({"prompt": "x", "width": 0}, ["/width"]),
        ({"prompt": "x", "height": 132}, ["/height"]),
        ({"prompt": "x", "width": 128, "height": 132}, ["/height"]),
        ({"prompt": "x", "width": 7, "height": 132}, ["/width"]),
        ({"prompt": "x", "width": 10**9, "height": 10**9}, ["/width"]),
        ({"prompt": "x", "width": "128"}, ["/width"]),
        ({"prompt": "x", "seed": -2}, ["/seed"]),
        ({"prompt": "x", "seed": 2**63}, ["/seed"]),
        ({"prompt": "x", "seed": 2**63 - 1, "n": 2}, ["/seed"]),
        ({"prompt": ["x", "y"], "seed": 2**63 - 1}, ["/seed"]),
        ({"prompt": "x", "num_inference_steps": 0}, ["/num_inference_steps"]),
        ({"prompt": "x", "num_inference_steps": 100_000}, ["/num_inference_steps"]),
        ({"prompt": "x", "sampler": "lcm", "num_inference_steps": 51}, ["/num_inference_steps"]),
        ({"prompt": "x", "guidance_scale": float("nan")}, ["/guidance_scale"]),
        ({"prompt": "x", "guidance_scale": 1000}, ["/guidance_scale"]),
        ({"prompt": "x", "guidance_scale": -1}, ["/guidance_scale"]),
        ({"prompt": "x", "sampler": CANARY}, ["/sampler"]),
        ({"prompt": "x", "sampler": "ddim", "schedule": CANARY}, ["/schedule"]),
        ({"prompt": "x", "output_format": CANARY}, ["/output_format"]),
        ({"prompt": "x", "output_compression": 101}, ["/output_compression"]),
        ({"prompt": "x", "previews": -1}, ["/previews"]),
        ({"prompt": "x", "previews": 11}, ["/previews"]),
        ({"prompt": "x", "priority": CANARY}, ["/priority"]),
        ({"prompt": "x", "deadline_s": 0}, ["/deadline_s"]),
        ({"prompt": "x", "deadline_s": float("inf")}, ["/deadline_s"]),
        ({"prompt": "x", "promt": "y"}, ["/promt"]),
        ({"prompt": "x", f"{CANARY} \0": 1}, [""]),
        ({"prompt": "x", CANARY * 10_000: 1}, [""]),
        ({"prompt": "x", **{f"unknown_{i}": i for i in range(1000)}}, [""] * 20),
        ({"n": 0, "seed": -2, "width": 0}, ["/prompt", "/n", "/seed", "/width"]),
    ],
)  # fmt: skip
def test_bad_values_are_refused_each_with_a_pointer_to_it(fields: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(UnprocessableError) as refusal:
        job_spec(parse_request(fields), INFO, None)
    assert [problem.pointer for problem in refusal.value.problems] == pointers
    assert CANARY not in str(refusal.value.problems)


def test_a_job_has_the_models_size_and_png_unless_asked_otherwise() -> None:
    spec = resolved()
    assert (spec.model, spec.output_format, spec.priority) == (INFO.name, "png", Priority.INTERACTIVE)
    assert (spec.output_compression, spec.previews, spec.deadline_s) == (None, 0, None)
    assert sizes(spec) == {INFO.sizes[0]}
    assert [each.position for each in spec.images] == [()]


def test_what_concerns_the_job_and_not_its_pixels_is_kept() -> None:
    spec = resolved(
        model="dall-e-3", output_format="webp", output_compression=50, previews=3, priority="batch", deadline_s=600
    )
    assert (spec.model, spec.output_format, spec.output_compression) == (INFO.name, "webp", 50)
    assert (spec.previews, spec.priority, spec.deadline_s) == (3, Priority.BATCH, 600)


def test_the_format_that_accept_asks_for_counts_where_the_body_names_none() -> None:
    assert job_spec(parse_request({"prompt": "x"}), INFO, "webp").output_format == "webp"
    assert job_spec(parse_request({"prompt": "x", "output_format": "jpeg"}), INFO, "webp").output_format == "jpeg"


def test_one_side_alone_leaves_the_other_to_the_model() -> None:
    assert sizes(resolved(width=256)) == {(256, 128)}
    assert sizes(resolved(height=256)) == {(128, 256)}
    assert sizes(resolved(width=160, height=96)) == {(160, 96)}


def test_a_list_of_prompts_counts_seeds_from_image_to_image() -> None:
    images = resolved(prompt=["a", "b"], n=2, seed=7).images
    assert [(each.params.prompt, each.params.seed) for each in images] == [("a", 7), ("a", 8), ("b", 9), ("b", 10)]


def test_a_prompt_matrix_makes_every_combination_with_the_same_seeds() -> None:
    images = resolved(prompt=["a {red|blue} circle", "star"], prompt_matrix=True, n=2, seed=7).images
    assert [(each.params.prompt, each.position, each.params.seed) for each in images] == [
        ("a red circle", (0,), 7),
        ("a red circle", (0,), 8),
        ("a blue circle", (1,), 7),
        ("a blue circle", (1,), 8),
        ("star", (), 7),
        ("star", (), 8),
    ]


def test_braces_are_text_unless_a_matrix_is_asked_for() -> None:
    assert [each.params.prompt for each in resolved(prompt="a {red|blue} circle").images] == ["a {red|blue} circle"]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text("aZ0x{|}\\ \0\ud800", max_size=8)
    | st.just(CANARY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just(CANARY), inner),
    max_leaves=4,
)
names = st.sampled_from([*JobRequest.model_fields, "steps", "lora"])


@given(fields=st.dictionaries(names, values, max_size=6))
def test_any_object_makes_a_job_or_is_refused_with_pointers_without_repeating_its_values(
    fields: dict[str, Any],
) -> None:
    try:
        spec = job_spec(parse_request(fields), INFO, None)
    except DarkroomError as error:
        refusal = error
    else:
        assert 1 <= len(spec.images) <= MAX_JOB_IMAGES
        assert all(can_draw(size, INFO.limits) for size in sizes(spec))
        return
    assert isinstance(refusal, UnprocessableError | UnknownModelError)
    # A name that resembles no field is not repeated: the pointer is that of the whole body.
    assert {problem.pointer.partition("/")[2].partition("/")[0] for problem in refusal.problems} <= {
        *fields,
        "prompt",
        "",
    }
    assert CANARY not in refusal.message + str(refusal.problems)


@given(text=st.text("ab{|}\\,; \n", max_size=60))
def test_any_matrix_makes_a_job_or_is_refused_at_its_prompt(text: str) -> None:
    try:
        spec = resolved(prompt=f"x{text}", prompt_matrix=True)
    except UnprocessableError as error:
        pointers = [problem.pointer for problem in error.problems]
    else:
        assert all(each.params.prompt for each in spec.images)
        return
    assert pointers == ["/prompt"]
