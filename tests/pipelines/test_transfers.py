"""Copies to and from a device, here the CPU and a pretended GPU."""

from __future__ import annotations

import torch

from pipelines.transfers import Download, download, upload, upload_stacked
from tests.harness.models.device_lint import CPU, DEVICE, DeviceLint, DeviceTensor, Transfers


class Mark:
    """An event that is done after `synchronize`."""

    def __init__(self) -> None:
        self.done = False

    def query(self) -> bool:
        return self.done

    def synchronize(self) -> None:
        self.done = True


def test_a_copy_on_the_cpu_is_there_at_once() -> None:
    finished = download(torch.ones(3))

    assert finished.ready
    assert finished.result().tolist() == [1.0, 1.0, 1.0]


def test_a_download_is_ready_after_its_mark_which_the_result_waits_for() -> None:
    started = Download(torch.ones(1), Mark())

    assert not started.ready
    started.result()
    assert started.ready


def test_tensors_are_uploaded_with_their_shape_and_dtype() -> None:
    assert torch.equal(upload(torch.arange(6).view(2, 3), CPU), torch.arange(6).view(2, 3))
    stacked = upload_stacked([torch.zeros(2), torch.ones(2)], CPU)
    assert stacked.tolist() == [[0.0, 0.0], [1.0, 1.0]]


def test_no_copy_makes_the_host_wait() -> None:
    with DeviceLint() as lint:
        moved = upload(torch.ones(2), DEVICE)
        assert isinstance(moved, DeviceTensor)
        assert download(moved).result().tolist() == [1.0, 1.0]

    assert lint.transfers == Transfers()
