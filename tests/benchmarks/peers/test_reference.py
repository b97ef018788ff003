"""The reference measurement with a fake renderer, and its JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from benchmarks.peers.pipeline import PeerRequest, Renderer
from benchmarks.peers.reference import Reference, measure, mix_from_json
from tests.benchmarks.fakes import SMALL_MIX


class FakeRenderer:
    def __init__(self) -> None:
        self.rendered: list[PeerRequest] = []

    def render(self, requests: Sequence[PeerRequest]) -> list[bytes]:
        self.rendered += requests
        return [f"{one.prompt}, {one.steps}".encode() for one in requests]


def test_the_reference_measures_every_class_as_often_as_requested_and_one_request_at_a_time() -> None:
    renderer = FakeRenderer()
    reference = measure(cast(Renderer, renderer), SMALL_MIX, repeats=3)
    assert set(reference.solo_s) == set(SMALL_MIX.classes)
    warm_up, fixed = 1, 1
    assert len(renderer.rendered) == warm_up + 3 * len(SMALL_MIX.classes) + fixed
    assert reference.image == b"a red circle on a white background, 20"


def test_a_reference_survives_json() -> None:
    reference = Reference(dict.fromkeys(SMALL_MIX.classes, 0.25), b"\x89PNG", {"torch": "2.13.0"})
    assert Reference.from_json(reference.to_json()) == reference
    assert reference.capacity == pytest.approx(4.0)


def test_a_mix_is_read_from_json() -> None:
    assert mix_from_json('{"steps": [4, 20], "guidance_scales": [1.0], "sizes": [[128, 128]]}') == SMALL_MIX
