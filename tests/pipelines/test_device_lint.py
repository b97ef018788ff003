"""The pretended GPU of `device_lint` behaves like a GPU where it says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from tests.harness.models.device_lint import CPU, DEVICE, DeviceLint, DeviceTensor, MixedDevicesError, Transfers


def on_both(make: Callable[[torch.device], list[Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    """Calls `make` for the simulated GPU and for the CPU. Returns both results, the first one copied to the CPU."""
    with DeviceLint():
        made = make(DEVICE)
        assert all(isinstance(tensor, DeviceTensor) for tensor in made)
        pretended = [tensor.cpu() for tensor in made]
    return pretended, make(CPU)


def assert_same_bits(results: tuple[Sequence[Tensor], Sequence[Tensor]]) -> None:
    pretended, plain = results
    assert all(type(tensor) is Tensor for tensor in plain)
    torch.testing.assert_close(pretended, plain, rtol=0, atol=0)


def test_what_is_created_or_moved_is_on_the_device_and_comes_back_with_its_numbers() -> None:
    with DeviceLint():
        moved, created = torch.arange(3.0).to(DEVICE), torch.ones(3, device=DEVICE)
        total = moved + created
        back = total.cpu()

    assert [type(tensor) for tensor in (moved, created, total)] == [DeviceTensor] * 3
    assert total.device == DEVICE
    assert type(back) is Tensor
    assert back.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "mix",
    [
        lambda device, scalar: torch.stack([device[0], scalar]),
        lambda device, scalar: torch.cat([device, scalar[None]]),
        lambda device, scalar: torch.einsum("k,k->", device, scalar.expand(3)),
        lambda device, scalar: torch.linalg.solve(device.diag(), scalar.expand(3)),
        lambda device, scalar: device + scalar[None],
        lambda device, scalar: scalar.add_(device[0]),
        lambda device, scalar: torch.add(device[0], 1.0, out=scalar),
        lambda device, scalar: torch.randn(3, generator=torch.Generator("cpu"), device=DEVICE),
        lambda device, scalar: torch.randn_like(device),
    ],
    ids=["stack", "cat", "einsum", "solve", "add a vector", "add in place", "add out", "CPU generator", "own noise"],
)
def test_the_lint_refuses_mixed_devices_and_noise_drawn_on_the_device(mix: Callable[[Tensor, Tensor], Tensor]) -> None:
    with DeviceLint():
        device, scalar = torch.ones(3).to(DEVICE), torch.tensor(2.0)
        with pytest.raises(MixedDevicesError):
            mix(device, scalar)
        with torch.inference_mode(), pytest.raises(MixedDevicesError):
            mix(device.clone(), scalar.clone())


def test_the_lint_refuses_to_read_device_memory_as_an_array() -> None:
    with DeviceLint():
        device = torch.ones(3).to(DEVICE)
        with pytest.raises(RuntimeError, match="numpy"):
            device.numpy()
        with pytest.raises(RuntimeError, match="numpy"):
            np.array(device)


def test_a_cpu_scalar_meets_device_tensors_in_elementwise_operators() -> None:
    def mix(device: torch.device) -> list[Tensor]:
        vector, scalar = torch.arange(1.0, 4.0).to(device), torch.tensor(2.0)
        return [
            vector * scalar,
            scalar - vector,
            vector**scalar,
            scalar / vector,
            vector[0] + scalar,
            vector.add_(scalar),
        ]

    assert_same_bits(on_both(mix))


def test_a_write_in_place_is_seen_through_every_view() -> None:
    with DeviceLint():
        device = torch.zeros(2, 2).to(DEVICE)
        row = device[1]
        assert row.add_(1.0) is row
        row[:1] = torch.tensor([5.0])

        assert device.tolist() == [[0.0, 0.0], [5.0, 1.0]]


def test_noise_from_a_cpu_generator_is_moved_to_the_device() -> None:
    def draw(device: torch.device) -> list[Tensor]:
        return [randn_tensor((2, 3), generator=torch.Generator("cpu").manual_seed(1), device=device)]

    assert_same_bits(on_both(draw))


@pytest.mark.parametrize(
    ("transfer", "transfers"),
    [
        (lambda device: float(device[0]), Transfers(to_cpu=1)),
        (lambda device: bool((device > 0).any()), Transfers(to_cpu=1)),
        (lambda device: device.tolist(), Transfers(to_cpu=1)),
        (lambda device: device.to("cpu"), Transfers(to_cpu=1)),
        (lambda device: device.to("cpu", non_blocking=True), Transfers()),
        (lambda device: device[device > 0], Transfers(to_cpu=1)),
        (lambda device: torch.linalg.solve(device.diag(), device), Transfers(to_cpu=1)),
        (lambda device: torch.ones(3).to(device.device), Transfers(to_device=1)),
        (lambda device: device.copy_(torch.ones(3)), Transfers(to_device=1)),
        (lambda device: torch.ones(3).copy_(device), Transfers(to_cpu=1)),
        (lambda device: device.double() * 2.0 + torch.tensor(1.0), Transfers()),
    ],
    ids=["float", "bool", "tolist", "to", "to later", "mask", "solve", "upload", "copy in", "copy out", "none"],
)
def test_transfers_for_which_the_host_waits_are_counted(
    transfer: Callable[[Tensor], object], transfers: Transfers
) -> None:
    with DeviceLint():
        device = torch.ones(3).to(DEVICE)
    with DeviceLint() as lint:
        transfer(device)
    with DeviceLint() as inference_lint, torch.inference_mode():
        transfer(device.clone())

    assert lint.transfers == inference_lint.transfers == transfers


def test_device_tensors_cannot_be_used_outside_the_lint() -> None:
    with DeviceLint():
        device = torch.ones(3).to(DEVICE)

    with pytest.raises(RuntimeError, match="only inside a DeviceLint"):
        device + 1.0


def test_what_gives_the_device_work_is_counted_and_views_and_allocations_are_not() -> None:
    with DeviceLint() as lint, torch.inference_mode():
        device = torch.ones(2, 3).to(DEVICE)
        lint.kernels = 0
        row = device[0].view(3, 1)
        torch.split(device, 1)
        device.new_empty(4)
        assert lint.kernels == 0

        torch.cat([row, row]).mul_(2.0)
        torch.ones(2).to(DEVICE)
        assert lint.kernels == 3
