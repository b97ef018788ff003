"""Image files say that a model made them and carry their parameters, in formats that other programs read."""

from __future__ import annotations

import io
import json
import random
import re
from dataclasses import replace
from importlib.metadata import version
from typing import Final, NamedTuple

import pytest
from PIL import Image

from pipelines.fake import INFO
from pipelines.interface import RgbImage
from pipelines.params import GenerationParams
from pipelines.sampling.samplers import SAMPLERS, SamplerChoice, find
from service.images.encoding import ImageFormat, encode
from service.images.metadata import parameters_text
from tests.service.images.reading import FORMATS, MADE_BY_A_MODEL, holds, parameters_in, source_type_in, tool_in

PARAMS: Final = GenerationParams(
    prompt="a red circle",
    negative_prompt="blurry",
    width=160,
    height=96,
    steps=20,
    guidance_scale=2.5,
    seed=2**63 - 1,
    sampler="dpm++_2m_sde",
    schedule="karras",
)
PIXELS: Final = RgbImage(16, 8, random.Random(1).randbytes(3 * 16 * 8))

LONGEST_IN_A_JPEG: Final = 32737
"""Characters of two bytes that fit 65,533 bytes beside the Exif header, two directories and "UNICODE"."""

every_format = pytest.mark.parametrize("image_format", FORMATS)


class Parsed(NamedTuple):
    prompt: str
    negative_prompt: str
    settings: dict[str, str]


def parse(text: str) -> Parsed:
    """Parses the text with the pattern of AUTOMATIC1111's web UI (modules/infotext_utils.py)."""
    prompts, _, settings_line = text.rpartition("\n")
    prompt, _, negative = f"\n{prompts}".partition("\nNegative prompt: ")
    pairs: list[tuple[str, str]] = re.findall(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)', settings_line)
    settings = {name: json.loads(value) if value.startswith('"') else value for name, value in pairs}
    return Parsed(prompt.removeprefix("\n"), negative, settings)


def test_the_text_has_the_layout_of_automatic1111() -> None:
    assert parameters_text(PARAMS, "darkroom-bundled") == (
        "a red circle\n"
        "Negative prompt: blurry\n"
        "Steps: 20, Sampler: DPM++ 2M SDE, Schedule type: Karras, CFG scale: 2.5, Seed: 9223372036854775807, "
        f"Size: 160x96, Model: darkroom-bundled, Version: darkroom {version('darkroom-server')}"
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "a red circle",
        "a red circle,\nthree lines\nof it",
        "Steps: 3, Seed: 4, Size: 8x8, (circle:1.2)",
        'a sign that says "open"',
        "ein größerer Kreis",
        "赤い円 🔴",
    ],
)
def test_prompts_and_settings_are_parsed_whatever_the_prompts_contain(prompt: str) -> None:
    parsed = parse(parameters_text(replace(PARAMS, prompt=prompt, negative_prompt=prompt), "sd"))

    assert (parsed.prompt, parsed.negative_prompt) == (prompt, prompt)
    assert parsed.settings == {
        "Steps": "20",
        "Sampler": "DPM++ 2M SDE",
        "Schedule type": "Karras",
        "CFG scale": "2.5",
        "Seed": "9223372036854775807",
        "Size": "160x96",
        "Model": "sd",
        "Version": f"darkroom {version('darkroom-server')}",
    }


@pytest.mark.parametrize("model", ["one, two", "one: two", "one\ntwo", 'a "quoted", name', "größer, 赤"])
def test_a_model_name_with_separators_is_quoted(model: str) -> None:
    text = parameters_text(PARAMS, model)

    assert parse(text).settings["Model"] == model
    assert f"Model: {json.dumps(model, ensure_ascii=False)}, Version" in text


def test_guidance_by_an_image_is_written_where_there_is_any() -> None:
    scales = [(1.0, 7.0), (1.5, 7.0), (1.5, 1.0)]
    texts = [
        parameters_text(replace(PARAMS, image_guidance_scale=image, guidance_scale=prompt), "sd")
        for image, prompt in scales
    ]
    assert [parse(text).settings.get("Image CFG scale") for text in texts] == [None, "1.5", None]


def test_rescaled_guidance_is_written_where_there_is_any() -> None:
    texts = [parameters_text(replace(PARAMS, guidance_rescale=share), "sd") for share in (0.0, 0.7)]
    assert [parse(text).settings.get("CFG Rescale") for text in texts] == [None, "0.7"]


def test_a_prompt_that_is_read_in_chunks_is_marked() -> None:
    assert "Long prompt" not in parse(parameters_text(PARAMS, "sd")).settings
    assert parse(parameters_text(replace(PARAMS, long_prompt=True), "sd")).settings["Long prompt"] == "True"


def test_a_missing_negative_prompt_and_schedule_are_left_out() -> None:
    text = parameters_text(replace(PARAMS, negative_prompt="", schedule=None), "sd")

    assert text.startswith("a red circle\nSteps: 20, Sampler: DPM++ 2M SDE, CFG scale: 2.5, ")


def test_notes_are_settings_of_their_own_or_in_place_of_others() -> None:
    notes = {"Schedule type": "Automatic", "Ignored weights": "a:1.2, b:0.9", "Nothing": None}
    text = parameters_text(replace(PARAMS, schedule=None), "sd", notes)

    assert list(parse(text).settings)[1:4] == ["Sampler", "Schedule type", "CFG scale"]
    assert parse(text).settings["Schedule type"] == "Automatic"
    assert text.endswith(
        f', Model: sd, Ignored weights: "a:1.2, b:0.9", Version: darkroom {version("darkroom-server")}'
    )


def test_an_empty_prompt_has_no_line() -> None:
    text = parameters_text(replace(PARAMS, prompt=""), "sd")

    assert text.startswith("Negative prompt: blurry\nSteps: 20, ")


@pytest.mark.parametrize(
    ("scale", "text"), [(7.0, "7"), (10.0, "10"), (1.0, "1"), (0.5, "0.5"), (7.1234567, "7.1234567")]
)
def test_the_guidance_scale_is_written_exactly_and_whole_numbers_without_a_point(scale: float, text: str) -> None:
    assert parse(parameters_text(replace(PARAMS, guidance_scale=scale), "sd")).settings["CFG scale"] == text


@pytest.mark.parametrize(
    "choice",
    [SamplerChoice(sampler, schedule) for sampler in SAMPLERS.values() for schedule in (None, *sampler.schedules)],
    ids=lambda choice: f"{choice.sampler.name}-{choice.schedule}",
)
def test_sampler_and_schedule_are_written_under_names_that_find_them_again(choice: SamplerChoice) -> None:
    params = replace(PARAMS, sampler=choice.sampler.name, schedule=choice.schedule)
    settings = parse(parameters_text(params, "sd")).settings

    assert find(settings["Sampler"], settings.get("Schedule type")) == choice


@every_format
@pytest.mark.parametrize("prompt", ["a red circle,\ntwo lines: two", "größer", "赤い円 🔴"])
def test_the_parameters_are_read_back_from_a_file_of_any_format(image_format: ImageFormat, prompt: str) -> None:
    text = parameters_text(replace(PARAMS, prompt=prompt), "sd")

    assert parameters_in(encode(PIXELS, image_format, parameters=text)) == text


@every_format
def test_a_file_without_parameters_has_none(image_format: ImageFormat) -> None:
    assert parameters_in(encode(PIXELS, image_format)) is None


@pytest.mark.parametrize(("text", "chunk"), [("größer", b"tEXt"), ("赤い円", b"iTXt")])
def test_a_png_has_latin_text_in_a_text_chunk_and_other_text_in_an_international_one(text: str, chunk: bytes) -> None:
    assert chunk + b"parameters\0" in encode(PIXELS, "png", parameters=text)


@every_format
@pytest.mark.parametrize("parameters", [None, "a red circle"])
def test_every_file_says_that_a_model_made_it(image_format: ImageFormat, parameters: str | None) -> None:
    file = encode(PIXELS, image_format, parameters=parameters)

    assert (source_type_in(file), tool_in(file)) == (MADE_BY_A_MODEL, "Darkroom")


@pytest.mark.parametrize(("characters", "kept"), [(LONGEST_IN_A_JPEG, True), (LONGEST_IN_A_JPEG + 1, False)])
def test_a_jpeg_leaves_out_parameters_that_do_not_fit_and_keeps_the_mark(characters: int, kept: bool) -> None:
    text = "x" * characters
    file = encode(PIXELS, "jpeg", parameters=text)

    assert parameters_in(file) == (text if kept else None)
    assert holds(file, "xxxx") is kept
    assert source_type_in(file) == MADE_BY_A_MODEL


@pytest.mark.parametrize("image_format", ["png", "webp"])
def test_png_and_webp_hold_parameters_that_a_jpeg_cannot(image_format: ImageFormat) -> None:
    text = "x" * (LONGEST_IN_A_JPEG + 1)

    assert parameters_in(encode(PIXELS, image_format, parameters=text)) == text


@every_format
def test_the_longest_prompts_of_a_model_fit_into_every_format(image_format: ImageFormat) -> None:
    longest = "🔴" * INFO.limits.max_prompt_chars
    text = parameters_text(replace(PARAMS, prompt=longest, negative_prompt=longest), "sd")

    assert parameters_in(encode(PIXELS, image_format, parameters=text)) == text


@pytest.mark.parametrize("image_format", ["png", "webp"])
@pytest.mark.parametrize("parameters", [None, "a red circle"])
def test_metadata_leave_the_pixels_of_lossless_files_alone(image_format: ImageFormat, parameters: str | None) -> None:
    image = Image.open(io.BytesIO(encode(PIXELS, image_format, parameters=parameters)))

    assert image.convert("RGB").tobytes() == PIXELS.pixels
