"""Lists of devices are read, and several workers on one CPU share its cores."""

from __future__ import annotations

import os

import pytest

from service.engine.devices import count_gpus, listed_devices, threads_of_each


def refuse() -> int:
    raise AssertionError("nothing needs to be counted")


@pytest.mark.parametrize(
    ("text", "devices"),
    [("cpu", ("cpu",)), ("cuda:0,cuda:3", ("cuda:0", "cuda:3")), ("cpu,cpu", ("cpu", "cpu"))],
)
def test_a_list_names_its_devices_in_order(text: str, devices: tuple[str, ...]) -> None:
    assert listed_devices(text, refuse) == devices


@pytest.mark.parametrize(("gpus", "devices"), [(0, ("cpu",)), (1, ("cuda:0",)), (2, ("cuda:0", "cuda:1"))])
def test_auto_stands_for_all_gpus_or_for_the_cpu(gpus: int, devices: tuple[str, ...]) -> None:
    assert listed_devices("auto", lambda: gpus) == devices


@pytest.mark.integration
def test_torch_is_asked_for_the_number_of_gpus() -> None:
    import torch

    assert count_gpus() == torch.cuda.device_count()


def test_workers_on_one_cpu_share_its_cores() -> None:
    cores = os.cpu_count() or 1

    assert threads_of_each(["cpu", "cpu"]) == max(1, cores // 2)
    assert threads_of_each(["cpu"] * (2 * cores)) == 1
    assert threads_of_each(["cuda:0", "cuda:1", "cpu"]) is None
