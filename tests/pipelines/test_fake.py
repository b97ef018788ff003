"""The fake pipeline keeps the contract that tests of the layers above rely on."""

from __future__ import annotations

import dataclasses

import pytest

from pipelines.fake import FakePipeline
from pipelines.interface import UPCAST, finish_or_raise
from pipelines.params import GenerationParams
from pipelines.prompts.lengths import TextLength
from tests.harness.engine.worker_harness import make_alone, make_params

BASE = make_params(width=64, height=96)


def test_equal_params_make_equal_pixels() -> None:
    assert make_alone(BASE) == make_alone(dataclasses.replace(BASE))
    assert len(make_alone(BASE)) == 64 * 96 * 3


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(BASE, prompt="a blue circle"),
        dataclasses.replace(BASE, negative_prompt="blurry"),
        dataclasses.replace(BASE, seed=8),
        dataclasses.replace(BASE, steps=5),
        dataclasses.replace(BASE, guidance_scale=4.5),
        dataclasses.replace(BASE, sampler="euler"),
        dataclasses.replace(BASE, sampler="euler", schedule="karras"),
        dataclasses.replace(BASE, width=96, height=64),
    ],
)
def test_parameters_that_change_a_real_image_change_a_fake_one(other: GenerationParams) -> None:
    assert make_alone(other) != make_alone(BASE)


@pytest.mark.parametrize(("words", "long", "read"), [(5, False, 5), (40, False, 30), (40, True, 40), (999, True, 240)])
def test_as_many_words_are_read_as_the_model_has_tokens(words: int, long: bool, read: int) -> None:
    pipeline = FakePipeline()
    params = dataclasses.replace(BASE, prompt="word " * words, negative_prompt="no", long_prompt=long)

    lengths = pipeline.begin(params, pipeline.encode(pipeline.texts(params))).prompt_lengths

    assert lengths.prompt == TextLength(read=read, total=words)
    assert lengths.negative == (TextLength(read=1, total=1) if params.guided else None)


def test_an_image_takes_as_many_rows_and_calls_as_in_the_real_pipeline() -> None:
    pipeline = FakePipeline()
    state = pipeline.begin(make_params(steps=5, sampler="heun", guidance_scale=1.0), [b""])

    assert state.next_call is not None
    assert (state.next_call.rows, state.next_call.calls_left) == (1, 9)


def test_an_upcast_image_has_the_same_pixels_and_its_own_phase() -> None:
    pipeline = FakePipeline()
    state = pipeline.begin_upcast(BASE)
    first = state.next_call
    assert state.upcast
    assert first is not None
    assert first.key.phase == UPCAST
    while state.next_call is not None:
        finish_or_raise(pipeline.advance([state], pipeline.predict([state])))

    assert pipeline.decode([state])[0].pixels == make_alone(BASE)


def test_calls_and_decodes_last_as_long_as_the_caller_sets() -> None:
    spent: list[float] = []
    pipeline = FakePipeline(call_s=1.0, row_s=0.25, decode_s=0.5, sleep=spent.append)
    states = [pipeline.begin(make_params(steps=1), [b"", b""]) for _ in range(3)]
    finish_or_raise(pipeline.advance(states, pipeline.predict(states)))
    pipeline.decode(states)

    assert spent == [1.0 + 6 * 0.25, 0.5]
