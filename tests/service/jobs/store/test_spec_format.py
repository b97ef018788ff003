"""Every form of a stored job that a release has written stays readable, and one that cannot be read says so.

`RELEASED_*` are bytes from a database that the first release wrote. They are never edited.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any, Final

import msgspec
import pytest

from pipelines.params import GenerationParams, HiresFix, Refiner
from service.engine.types import Priority
from service.errors import BodyTooLargeError
from service.jobs.records import ImageSpec, JobSpec
from service.jobs.store.spec_format import MAX_SPEC_BYTES, VERSION, UnreadableSpecError, decode_spec, encode_spec

RELEASED_SPEC = (
    '{"model":"darkroom-bundled","pictures":[{"params":{"prompt":"ein größerer Kreis","width":160,"height":96,'
    '"steps":20,"guidance_scale":2.5,"seed":9223372036854775807,"sampler":"dpm++_2m_sde","schedule":"karras",'
    '"negative_prompt":"blurry"},"position":[0,2]}],"output_format":"jpeg","output_compression":90,"previews":3,'
    '"priority":"interactive","deadline_s":60.0}'
).encode()

RELEASED_SPEC_2 = (
    '{"version":2,"model":"m","images":[{"params":{"model":"m","prompt":"a größer","width":160,"height":96,"steps":20,'
    '"guidance_scale":2.5,"seed":7,"sampler":"euler","schedule":"karras","negative_prompt":"blurry",'
    '"guidance_rescale":0.0,"original_size":null,"crop":[0,0],"target_size":null,"long_prompt":false,"image":null,'
    '"mask":null,"keep_unmasked":false,"strength":1.0,"image_guidance_scale":1.0,"hires":{"width":80,"height":48,'
    '"steps":8,"strength":0.5,"upscaler":"bilinear"},"refiner":{"model":"r","switch_at":0.75},"taken_over_at":0},'
    '"position":[0]},{"params":{"model":"m","prompt":"a kleiner","width":160,"height":96,"steps":20,'
    '"guidance_scale":2.5,"seed":7,"sampler":"euler","schedule":"karras","negative_prompt":"blurry",'
    '"guidance_rescale":0.0,"original_size":null,"crop":[0,0],"target_size":null,"long_prompt":false,"image":null,'
    '"mask":null,"keep_unmasked":false,"strength":1.0,"image_guidance_scale":1.0,"hires":{"width":80,"height":48,'
    '"steps":8,"strength":0.5,"upscaler":"bilinear"},"refiner":{"model":"r","switch_at":0.75},"taken_over_at":0},'
    '"position":[1]}],"output_format":"png","output_compression":null,"previews":1,"priority":"batch",'
    '"deadline_s":null}'
).encode()

SPEC = JobSpec(
    model="darkroom-bundled",
    images=(
        ImageSpec(
            GenerationParams(
                prompt="ein größerer Kreis",
                width=160,
                height=96,
                steps=20,
                guidance_scale=2.5,
                seed=2**63 - 1,
                sampler="dpm++_2m_sde",
                schedule="karras",
                negative_prompt="blurry",
            ),
            position=(0, 2),
        ),
    ),
    output_format="jpeg",
    output_compression=90,
    previews=3,
    priority=Priority.INTERACTIVE,
    deadline_s=60.0,
)


def test_a_spec_of_the_first_release_is_read() -> None:
    assert decode_spec(RELEASED_SPEC) == SPEC


SEVERAL: Final = JobSpec(
    model="m",
    images=tuple(
        ImageSpec(
            GenerationParams(
                model="m",
                prompt=prompt,
                width=160,
                height=96,
                steps=20,
                guidance_scale=2.5,
                seed=7,
                sampler="euler",
                schedule="karras",
                negative_prompt="blurry",
                hires=HiresFix(width=80, height=48, steps=8, strength=0.5, upscaler="bilinear"),
                refiner=Refiner(model="r", switch_at=0.75),
            ),
            position=(place,),
        )
        for place, prompt in enumerate(("a größer", "a kleiner"))
    ),
    output_format="png",
    previews=1,
)


def with_images(count: int, **fields: Any) -> JobSpec:
    """Returns a job whose images differ in their seeds."""
    first = replace(SPEC.images[0].params, **fields)
    images = tuple(ImageSpec(replace(first, seed=seed)) for seed in range(count))
    return msgspec.structs.replace(SPEC, images=images)


def test_a_spec_of_version_2_is_read() -> None:
    assert decode_spec(RELEASED_SPEC_2) == SEVERAL


@pytest.mark.parametrize("spec", [SPEC, SEVERAL, with_images(3), msgspec.structs.replace(SPEC, images=SPEC.images * 2)])
def test_a_spec_is_read_as_it_was_written(spec: JobSpec) -> None:
    assert decode_spec(encode_spec(spec)) == spec


@pytest.mark.parametrize(("spec", "version"), [(SPEC, 2), (SEVERAL, VERSION)])
def test_a_stored_spec_says_its_version_and_has_every_field(spec: JobSpec, version: int) -> None:
    stored = json.loads(encode_spec(spec))

    assert stored["version"] == version
    assert set(stored) == {"version", *JobSpec.__struct_fields__}


def test_the_earlier_release_reads_the_jobs_of_one_image() -> None:
    """Its decoder: one image is stored as it stored it, so that a server that is taken back runs most of the queue."""
    assert msgspec.json.decode(encode_spec(SPEC), type=JobSpec) == SPEC


def test_a_prompt_is_stored_once_however_many_images_it_has() -> None:
    prompts = ("p" * 4000, "q" * 4000)
    images = [each for prompt in prompts for each in with_images(50, prompt=prompt, negative_prompt="n" * 4000).images]
    spec = msgspec.structs.replace(SPEC, images=tuple(images))

    stored = encode_spec(spec)

    assert [stored.count(text.encode()) for text in (*prompts, "n" * 4000)] == [1, 1, 1]
    assert decode_spec(stored) == spec


def test_images_that_are_equal_in_what_is_read_share_it() -> None:
    read = decode_spec(encode_spec(with_images(2))).images

    assert read[0].params.prompt is read[1].params.prompt


def test_a_spec_that_is_too_large_is_refused() -> None:
    prompts = [f"{number:04}" * 1000 for number in range(MAX_SPEC_BYTES // 4000 + 1)]
    images = tuple(image for prompt in prompts for image in with_images(1, prompt=prompt).images)

    encode_spec(msgspec.structs.replace(SPEC, images=images[:-2]))
    with pytest.raises(BodyTooLargeError, match=str(MAX_SPEC_BYTES)):
        encode_spec(msgspec.structs.replace(SPEC, images=images))


def test_a_spec_of_a_newer_version_says_that_the_server_must_be_upgraded() -> None:
    newer = encode_spec(SEVERAL).replace(f'"version":{VERSION}'.encode(), f'"version":{VERSION + 1}'.encode())

    with pytest.raises(UnreadableSpecError, match=r"newer version of Darkroom.*[Uu]pgrade"):
        decode_spec(newer)


@pytest.mark.parametrize(
    "stored", [b"", b"{", b"[]", b'{"version":"2"}', b'{"version":2}', b'{"version":3}', b'{"version":0}']
)
def test_a_spec_that_no_release_wrote_is_damaged_and_not_repeated(stored: bytes) -> None:
    with pytest.raises(UnreadableSpecError, match="damaged"):
        decode_spec(stored)


@pytest.mark.parametrize(
    ("written", "damaged"),
    [
        (b"[0,1]", b"[0]"),
        (b"[0,1]", b"[0,2]"),
        (b"[0,1]", b"[0,-1]"),
        (b'"count":2', b'"count":3'),
        (b'"seed":7', b'"seed":"7"'),
        (b'"position":[[', b'"elsewhere":[['),
    ],
)
def test_images_that_do_not_fit_together_are_damaged(written: bytes, damaged: bytes) -> None:
    stored = encode_spec(SEVERAL)
    assert written in stored

    with pytest.raises(UnreadableSpecError, match="damaged"):
        decode_spec(stored.replace(written, damaged))


_DECODE_IN_THREADS = """
import sys, threading
from service.jobs.store.spec_format import decode_spec, encode_spec
from tests.harness.sample_jobs import make_job

spec = make_job(images=2).spec
data, decoded = encode_spec(spec), []
barrier = threading.Barrier(6)

def decode():
    barrier.wait()
    decoded.append(decode_spec(data) == spec)

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=decode) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(decoded))
"""


@pytest.mark.integration
@pytest.mark.parametrize("attempt", range(4))  # One process in three crashed.
def test_threads_that_decode_the_first_job_at_once_end_well(attempt: int) -> None:
    done = subprocess.run([sys.executable, "-c", _DECODE_IN_THREADS], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stdout.strip()) == (0, "6"), done.stderr
