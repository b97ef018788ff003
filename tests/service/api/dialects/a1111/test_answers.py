"""An answer tells the truth about its images, in the form that AUTOMATIC1111's clients read."""

from __future__ import annotations

import json
import math
from typing import Any

from pipelines.fake import INFO
from service.api.dialects.a1111.answers import MadeImage, info, infotext, repeated
from service.api.dialects.a1111.errors import BODY_RULES
from service.api.dialects.a1111.resolve import IGNORED, LITERAL, Plan, plan, wanted_size
from service.api.dialects.a1111.schemas import Txt2ImgRequest
from service.api.dialects.a1111.texts.infotext import parse_infotext
from service.api.dialects.a1111.texts.prompt_weights import plain
from service.api.generation.model_names import find_no_model
from service.api.http.request_body import parse
from service.images.metadata import VERSION

ASKED = {
    "prompt": r"a (red circle:1.3) \(round\)", "negative_prompt": "[blurry]", "sampler_name": "Euler", "steps": 4,
    "cfg_scale": 7, "seed": 11, "width": 160, "height": 96, "n_iter": 2,
}  # fmt: skip


def planned(emphasis: str = IGNORED, **fields: Any) -> Plan:
    parsed = parse(Txt2ImgRequest, {**ASKED, **fields}, BODY_RULES)
    return plan(parsed, INFO, emphasis, find_no_model, wanted_size(parsed.request, INFO))


def test_the_text_is_the_web_uis_and_names_the_weights_that_had_no_effect() -> None:
    made = planned()

    assert infotext(made, made.images[1]) == (
        "a red circle \\(round\\)\n"
        "Negative prompt: blurry\n"
        "Steps: 4, Sampler: Euler, Schedule type: Automatic, CFG scale: 7, Seed: 12, Size: 160x96, "
        f'Model: {INFO.name}, Ignored weights: "red circle:1.3, blurry:0.9091", Version: {VERSION}'
    )


def test_an_image_can_be_made_again_from_its_text() -> None:
    for emphasis in (IGNORED, LITERAL):
        made = planned(emphasis, scheduler="Karras")
        read = parse_infotext(infotext(made, made.images[0]))
        assert (read["Schedule type"], read.get("Emphasis")) == ("Karras", "None" if emphasis == LITERAL else None)
        text = read["Prompt"] if emphasis == LITERAL else plain(read["Prompt"]).text
        assert text == made.images[0].prompt


def test_the_description_has_an_entry_for_each_finished_image() -> None:
    made = planned()
    finished = [MadeImage(1, made.images[1], "text", "")]

    described = json.loads(info(made, finished, "20261127101112"))

    assert (described["seed"], described["all_seeds"], described["infotexts"]) == (11, [12], ["text"])
    assert (described["width"], described["height"], described["batch_size"]) == (160, 96, 1)
    assert (described["prompt"], described["all_prompts"]) == ("a red circle \\(round\\)", ["a red circle \\(round\\)"])
    assert (described["sampler_name"], described["steps"], described["cfg_scale"]) == ("Euler", 4, 7.0)
    assert (described["sd_model_name"], described["job_timestamp"]) == (INFO.name, "20261127101112")
    assert described["denoising_strength"] is None
    assert json.loads(info(planned(enable_hr=True, denoising_strength=0.6), [], ""))["denoising_strength"] == 0.6


def test_the_request_is_repeated_without_files_and_without_what_json_cannot_hold() -> None:
    told = repeated(
        {
            "prompt": "x",
            "steps": 4,
            "mask": "QUJD",
            "init_images": ["QUJD"],
            "eta": math.inf,
            "big": "x" * 9000,
            "o": {},
        }
    )

    assert (told["prompt"], told["steps"], told["mask"], told["init_images"], told["eta"]) == ("x", 4, None, None, None)
    assert told["restore_faces"] is None
    assert told["styles"] is None
    assert "o" not in told
