"""Every form of a stored job that a release has written stays readable, and one that cannot be read says so.

`RELEASED_*` are bytes from a database that the first release wrote. They are never edited.
"""

from __future__ import annotations

import json

import pytest

from pipelines.params import GenerationParams
from service.engine.types import Priority
from service.jobs.records import ImageSpec, JobSpec
from service.jobs.store.spec_format import VERSION, UnreadableSpecError, decode_spec, encode_spec

RELEASED_SPEC = (
    '{"model":"darkroom-bundled","pictures":[{"params":{"prompt":"ein größerer Kreis","width":160,"height":96,'
    '"steps":20,"guidance_scale":2.5,"seed":9223372036854775807,"sampler":"dpm++_2m_sde","schedule":"karras",'
    '"negative_prompt":"blurry"},"position":[0,2]}],"output_format":"jpeg","output_compression":90,"previews":3,'
    '"priority":"interactive","deadline_s":60.0}'
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


def test_a_spec_is_read_as_it_was_written() -> None:
    assert decode_spec(encode_spec(SPEC)) == SPEC


def test_a_stored_spec_says_its_version_and_has_every_field() -> None:
    stored = json.loads(encode_spec(SPEC))

    assert stored["version"] == VERSION
    assert set(stored) == {"version", *JobSpec.__struct_fields__}


def test_a_spec_of_a_newer_version_says_that_the_server_must_be_upgraded() -> None:
    newer = encode_spec(SPEC).replace(b'"version":2', b'"version":3')

    with pytest.raises(UnreadableSpecError, match=r"newer version of Darkroom.*[Uu]pgrade"):
        decode_spec(newer)


@pytest.mark.parametrize("stored", [b"", b"{", b"[]", b'{"version":"2"}', b'{"version":2}', b'{"version":0}'])
def test_a_spec_that_no_release_wrote_is_damaged_and_not_repeated(stored: bytes) -> None:
    with pytest.raises(UnreadableSpecError, match="damaged"):
        decode_spec(stored)
