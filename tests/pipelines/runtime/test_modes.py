"""Networks are built and prepared for the mode that was chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pipelines.errors import ModelLoadError
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.model_info import ModelInfo
from pipelines.progress import unreported
from pipelines.runtime import devices, modes
from pipelines.runtime.modes import RunMode
from pipelines.runtime.networks import Networks
from tests.harness.activities import Activities
from tests.harness.models.graph_recorder import FakeRecorder
from tests.harness.models.tiny_model import TOKENS

CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)
MODE = RunMode(max_rows=4, max_decode=2)
EXACT = RunMode(exact=True, max_rows=4, max_decode=2)


class Recorders:
    """Makes a recorder for each network, and remembers them by the priority of their stream."""

    def __init__(self) -> None:
        self.by_priority: dict[int, FakeRecorder] = {}

    def __call__(self, device: torch.device, *, priority: int) -> FakeRecorder:
        assert priority not in self.by_priority
        self.by_priority[priority] = FakeRecorder()
        return self.by_priority[priority]

    @property
    def unet(self) -> FakeRecorder:
        return self.by_priority[devices.CALLS_PRIORITY]

    @property
    def decoder(self) -> FakeRecorder:
        return self.by_priority[devices.DECODE_PRIORITY]


@pytest.fixture(scope="module")
def networks(pipeline: LatentDiffusion) -> Networks:
    return pipeline._networks


@pytest.fixture(scope="module")
def info(pipeline: LatentDiffusion) -> ModelInfo:
    return replace(pipeline.info, sizes=((64, 64), (40, 56)))


def build(networks: Networks, mode: RunMode) -> Networks:
    return modes.build_networks(mode, text_encoder=networks.text_encoder, unet=networks.unet, vae=networks.vae)


def build_with_graphs(networks: Networks, mode: RunMode, info: ModelInfo) -> tuple[Networks, Recorders]:
    recorders = Recorders()
    graphed = modes.build_networks(
        mode,
        text_encoder=networks.text_encoder,
        unet=networks.unet,
        vae=networks.vae,
        make_recorder=recorders,
    )
    modes.prepare_networks(mode, graphed, info, unreported)
    return graphed, recorders


def rows(count: int, side: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(count)
    return (
        torch.randn(count, 4, side, side, generator=generator),
        torch.linspace(0, 999, count),
        torch.randn(count, TOKENS, 16, generator=generator),
    )


@pytest.fixture(scope="module")
def recorded(networks: Networks, info: ModelInfo) -> tuple[Networks, Recorders]:
    """Networks with graphs, and their recorders. Tests only replay them."""
    return build_with_graphs(networks, MODE, info)


@pytest.mark.parametrize(
    ("mode", "device", "sizes"),
    [
        (RunMode(), CPU, ()),
        (RunMode(exact=True, max_rows=6), CPU, (6,)),
        (RunMode(compile="default", max_rows=6), CPU, (1, 2, 4, 6)),
        (RunMode(max_rows=6), GPU, (1, 2, 4, 6)),
        (RunMode(exact=True, max_rows=6), GPU, (6,)),
        (RunMode(compile="regional", cuda_graphs=False, max_rows=6), GPU, (1, 2, 4, 6)),
        (RunMode(cuda_graphs=False), GPU, ()),
    ],
)
def test_calls_are_padded_to_one_size_in_exact_mode_and_to_buckets_if_compiled_or_recorded(
    mode: RunMode, device: torch.device, sizes: tuple[int, ...]
) -> None:
    assert modes.row_sizes(mode, device) == sizes


def test_the_unet_and_the_decoder_are_recorded_at_each_size_the_largest_first(
    recorded: tuple[Networks, Recorders],
) -> None:
    _, recorders = recorded

    large, small = (4, 8, 8), (4, 7, 5)
    assert [tuple(shape) for shape in recorders.unet.recorded] == [
        (4, *large),
        (4, *small),
        (2, *large),
        (2, *small),
        (1, *large),
        (1, *small),
    ]
    assert [tuple(shape) for shape in recorders.decoder.recorded] == [
        (2, 3, 64, 64),
        (2, 3, 56, 40),
        (1, 3, 64, 64),
        (1, 3, 56, 40),
    ]


def test_recorded_networks_compute_what_plain_ones_do(recorded: tuple[Networks, Recorders], networks: Networks) -> None:
    graphed, recorders = recorded
    replays = recorders.unet.replays, recorders.decoder.replays

    denoised, decoded = graphed.denoise(*rows(3)), graphed.decode(rows(1)[0])

    assert (recorders.unet.replays, recorders.decoder.replays) == (replays[0] + 1, replays[1] + 1)
    torch.testing.assert_close(denoised, networks.denoise(*rows(3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(decoded, networks.decode(rows(1)[0]), rtol=1e-4, atol=1e-5)


def test_a_size_that_the_model_was_not_trained_for_is_not_replayed(
    recorded: tuple[Networks, Recorders], networks: Networks
) -> None:
    graphed, recorders = recorded
    replays = recorders.unet.replays

    assert torch.equal(graphed.denoise(*rows(2, side=4)), networks.denoise(*rows(2, side=4)))
    assert recorders.unet.replays == replays


def test_a_copy_in_a_wider_dtype_replays_no_graph_of_the_original(recorded: tuple[Networks, Recorders]) -> None:
    graphed, recorders = recorded
    replays = recorders.unet.replays, recorders.decoder.replays
    sample, timesteps, conditioning = rows(2)

    wider = graphed.upcast()
    wider.denoise(sample, timesteps, conditioning.double())
    wider.decode(sample)

    assert (recorders.unet.replays, recorders.decoder.replays) == replays


def test_exact_mode_records_its_one_size_and_changes_no_bit(networks: Networks, info: ModelInfo) -> None:
    graphed, recorders = build_with_graphs(networks, EXACT, info)
    replays = recorders.unet.replays

    denoised = graphed.denoise(*rows(3))

    assert recorders.unet.replays == replays + 1
    assert {shape[0] for shape in recorders.unet.recorded} == {4}
    assert {shape[0] for shape in recorders.decoder.recorded} == {2}
    assert torch.equal(denoised, build(networks, EXACT).denoise(*rows(3)))
    assert torch.equal(graphed.decode(rows(1)[0]), build(networks, EXACT).decode(rows(1)[0]))


def test_graphs_may_be_turned_off(networks: Networks, info: ModelInfo) -> None:
    _, recorders = build_with_graphs(networks, replace(MODE, cuda_graphs=False), info)

    assert not recorders.by_priority


def test_8_bit_floats_are_refused_on_the_cpu(networks: Networks) -> None:
    with pytest.raises(ModelLoadError, match="set quantize=off"):
        build(networks, RunMode(quantize="fp8"))


def test_exact_mode_and_compile_exclude_each_other(networks: Networks) -> None:
    with pytest.raises(ModelLoadError, match="exclude each other"):
        build(networks, RunMode(exact=True, compile="default"))


def test_exact_mode_verifies_each_network_at_each_trained_size(networks: Networks, info: ModelInfo) -> None:
    report = Activities()

    modes.prepare_networks(EXACT, build(networks, EXACT), info, report)

    assert len(report.said) == 2 * 4
    assert "UNet rows are exact at 64x64" in report.said[3]


def test_the_default_mode_needs_no_preparation_on_the_cpu(networks: Networks, info: ModelInfo) -> None:
    report = Activities()

    modes.prepare_networks(RunMode(), build(networks, RunMode()), info, report)

    assert not report.said
