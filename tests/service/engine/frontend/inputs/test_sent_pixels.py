"""A worker gets pixels once, before the first image that needs them, and is told when no image needs them any more."""

from __future__ import annotations

from pipelines.interface import InputPixels
from pipelines.params import PixelKey
from service.engine.frontend.inputs.sent_pixels import SentPixels
from service.engine.messages import Forget, Input
from tests.harness.engine.recording_link import RecordingLink

ONE, OTHER = PixelKey("a" * 64, 2, 1), PixelKey("b" * 64, 2, 1)
PIXELS = {ONE: InputPixels(2, 1, 3, bytes(6)), OTHER: InputPixels(2, 1, 1, bytes(2))}


def test_pixels_are_sent_once_and_forgotten_after_the_last_image() -> None:
    link = RecordingLink()
    sent = SentPixels(link.send)
    sent.need(PIXELS)
    sent.need({ONE: PIXELS[ONE]})
    sent.release([ONE, OTHER])
    sent.release([ONE])

    assert link.received == [
        Input("a" * 64, 2, 1, 3, bytes(6)),
        Input("b" * 64, 2, 1, 1, bytes(2)),
        Forget("b" * 64, 2, 1),
        Forget("a" * 64, 2, 1),
    ]


def test_what_was_forgotten_is_sent_again() -> None:
    link = RecordingLink()
    sent = SentPixels(link.send)
    for _ in range(2):
        sent.need({ONE: PIXELS[ONE]})
        sent.release([ONE])
    assert [type(message) for message in link.received] == [Input, Forget, Input, Forget]


def test_a_new_worker_has_nothing() -> None:
    link = RecordingLink()
    sent = SentPixels(link.send)
    sent.need({ONE: PIXELS[ONE]})
    sent.lose()
    sent.need({ONE: PIXELS[ONE]})
    assert [type(message) for message in link.received] == [Input, Input]
