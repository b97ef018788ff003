"""Networks are built and prepared for the mode that was chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.errors import ModelLoadError
from pipelines.families.stable_diffusion.pipeline import LatentDiffusion
from pipelines.runtime import modes
from pipelines.runtime.modes import RunMode
from pipelines.runtime.networks import Networks


@pytest.fixture
def networks(pipeline: LatentDiffusion) -> Networks:
    return pipeline._networks


def build(networks: Networks, mode: RunMode) -> Networks:
    return modes.build_networks(mode, text_encoder=networks.text_encoder, unet=networks.unet, vae=networks.vae)


@pytest.mark.parametrize(
    ("mode", "sizes"),
    [
        (RunMode(), ()),
        (RunMode(exact=True, max_rows=6), (6,)),
        (RunMode(compile="default", max_rows=6), (1, 2, 4, 6)),
    ],
)
def test_calls_are_padded_to_one_size_in_exact_mode_and_to_buckets_if_compiled(
    mode: RunMode, sizes: tuple[int, ...]
) -> None:
    assert modes.row_sizes(mode) == sizes


def test_exact_mode_and_compile_exclude_each_other(networks: Networks) -> None:
    with pytest.raises(ModelLoadError, match="exclude each other"):
        build(networks, RunMode(exact=True, compile="default"))


def test_exact_mode_verifies_each_network_at_each_trained_size(pipeline: LatentDiffusion, networks: Networks) -> None:
    mode = RunMode(exact=True, max_rows=4, max_decode=2)
    info = replace(pipeline.info, sizes=((64, 64), (40, 56)))
    reports: list[None] = []

    modes.prepare_networks(mode, build(networks, mode), info, lambda: reports.append(None))

    assert len(reports) == 2 * 3


def test_the_default_mode_needs_no_preparation(pipeline: LatentDiffusion, networks: Networks) -> None:
    reports: list[None] = []

    modes.prepare_networks(RunMode(), build(networks, RunMode()), pipeline.info, lambda: reports.append(None))

    assert not reports
