"""In every dialect, a request that starts from an image is judged as far as it can be before the image is decoded."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from service.images.inputs.decoder import DirectDecoder
from service.images.inputs.raster import Raster
from tests.service.api.in_process import run_in_process
from tests.service.images.inputs.samples import picture, saved

IMAGE: Final = base64.b64encode(saved(picture((64, 64)))).decode()
MANY: Final = 100_000


class CountingDecoder:
    """Implements `Decoder`, and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self._decoder = DirectDecoder(1 << 20)

    async def decode(self, file: bytes) -> Raster:
        self.calls += 1
        return await self._decoder.decode(file)


@dataclass(frozen=True, slots=True)
class Case:
    """A dialect's request that starts from an image, and what can be wrong with it."""

    path: str
    body: Mapping[str, Any]
    wrong: tuple[Mapping[str, Any], ...]
    inside: str | None = None
    """The field of the body that holds the parameters."""
    wrong_headers: Mapping[str, str] = field(default_factory=dict)

    def with_fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        if self.inside is None:
            return {**self.body, **fields}
        return {**self.body, self.inside: {**self.body[self.inside], **fields}}


_SAMPLER: Final = {"sampler": "no such sampler"}
_STEPS: Final = {"num_inference_steps": MANY}
_PROMPT: Final = {"prompt": "x" * MANY}
_SEED: Final = {"seed": 2**63 - 1, "n": 2}
_REFINER: Final = {"refiner": {"model": "no such model"}}
_HIRES: Final = {"hires": {"scale": 2.0}}
_STRENGTH: Final = {"num_inference_steps": 2, "strength": 0.1}
_COMMON: Final = (_SAMPLER, _STEPS, _PROMPT, _REFINER, _HIRES, _STRENGTH)
CASES: Final = {
    "jobs": Case(
        "/api/v1/jobs",
        {"prompt": "x", "image": IMAGE},
        (*_COMMON, _SEED, {"width": 7}, {"width": MANY}, {"webhook": {"url": "http://127.0.0.1/"}}),
        wrong_headers={"Idempotency-Key": "x" * 256},
    ),
    "edits": Case(
        "/v1/images/edits",
        {"prompt": "x", "image": IMAGE},
        (*_COMMON, _SEED, {"size": "7"}, {"background": "transparent"}, {"stream": True, "response_format": "url"}),
    ),
    "variations": Case("/v1/images/variations", {"image": IMAGE}, (_SAMPLER, _STEPS, {"size": "7"})),
    "references": Case(
        "/v1/images/generations", {"prompt": "x", "ref_images": [IMAGE]}, (*_COMMON, _SEED, {"size": "7"})
    ),
    "a1111": Case(
        "/sdapi/v1/img2img",
        {"prompt": "x", "init_images": [IMAGE]},
        (
            {"sampler_name": "no such sampler"},
            {"steps": MANY},
            _PROMPT,
            _REFINER,
            _HIRES,
            {"batch_size": 100},
            {"refiner_checkpoint": "no such model"},
        ),
    ),
    "hugging_face": Case(
        "/hf", {"inputs": IMAGE, "parameters": {"prompt": "x"}}, (*_COMMON, {"n": 2}), inside="parameters"
    ),
    "replicate": Case(
        "/replicate/v1/predictions",
        {"input": {"prompt": "x", "image": IMAGE}},
        (*_COMMON, _SEED, {"size": "7"}, {"aspect_ratio": "x"}),
        inside="input",
        wrong_headers={"Idempotency-Key": "x" * 256},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_what_no_pixels_could_save_is_refused_without_the_decoder(case: Case, tmp_path: Path) -> None:
    decoder = CountingDecoder()
    async with run_in_process(tmp_path, decoder=decoder) as api:
        refused = [await api.client.post(case.path, json=case.with_fields(fields)) for fields in case.wrong]
        headers = {name: {name: value} for name, value in case.wrong_headers.items()}
        refused += [await api.client.post(case.path, json=case.body, headers=each) for each in headers.values()]
        assert [answer.status_code for answer in refused if answer.status_code not in (400, 404, 422)] == []
        assert decoder.calls == 0
        assert api.engine.jobs == []

        accepted = await api.client.post(case.path, json=case.body)
        assert accepted.status_code < 300, accepted.text
        assert decoder.calls == 1
