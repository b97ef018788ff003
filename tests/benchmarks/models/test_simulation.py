"""Servers with several models in virtual time: what they load, and what waits for it."""

from __future__ import annotations

from benchmarks.models.simulation import Device, play_darkroom, play_first_come
from benchmarks.models.trace import ModelRequest

DEVICE = Device(models=1, host_models=1, disk_load_s=8.0, host_load_s=1.0)


def request(at_s: float, model: str, *, steps: int = 4) -> ModelRequest:
    return ModelRequest(at_s, model, "somebody", 1, steps)


def test_both_servers_load_what_they_do_not_hold() -> None:
    requests = [request(0.0, "a"), request(30.0, "b"), request(60.0, "a")]

    for played in (play_first_come(requests, DEVICE), play_darkroom(requests, DEVICE)):
        assert len(played.answers) == 3
        assert not played.answers[1].hit
        assert played.answers[1].waited_s >= DEVICE.disk_load_s
        assert played.answers[2].waited_s < played.answers[1].waited_s, "it came back from the host"


def test_images_of_a_resident_model_do_not_wait_for_anothers_load() -> None:
    requests = [request(0.0, "a"), request(20.0, "b"), request(20.1, "a")]
    device = Device(models=2, host_models=1)

    assert play_first_come(requests, device).answers[2].waited_s > device.disk_load_s
    assert play_darkroom(requests, device).answers[2].waited_s < 1.0
