"""Two tiny real models and a broken one in one worker process: each makes what its own pipeline makes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.checkpoints import loader
from pipelines.integrity import manifest
from pipelines.integrity.digests import Digests
from pipelines.interface import Stage, finish_or_raise
from pipelines.params import GenerationParams
from service.engine.config import EngineConfig, ModelSource, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.messages import CallDone, Ready, Unloadable
from service.engine.types import ModelStatus
from service.errors import ModelUnusableError
from tests.harness.engine.local_engine import TIMEOUT_S, Observed
from tests.harness.models import tiny_model

PARAMS = GenerationParams(
    prompt="a red circle", width=64, height=64, steps=2, guidance_scale=3.0, seed=1, sampler="euler"
)


def alone(folder: Path, params: GenerationParams) -> bytes:
    """The pixels of an image that the folder's own pipeline makes."""
    pipeline = loader.load(str(folder), device="cpu")
    state = pipeline.begin(params, pipeline.encode(pipeline.texts(params)))
    while state.next_call is not None:
        finish_or_raise(pipeline.advance([state], pipeline.predict([state])))
    (rgb_image,) = pipeline.decode([state])
    return rgb_image.pixels


async def test_two_models_share_a_worker_in_which_one_fits(tmp_path: Path) -> None:
    first, second = tiny_model.write(tmp_path / "first"), tiny_model.write(tmp_path / "second", seed=2)
    (second / "darkroom.json").write_text('{"aliases": ["ours"]}')
    broken = tiny_model.write(tmp_path / "broken")
    (broken / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    worker = WorkerConfig(
        model=str(first),
        models=(ModelSource("other", str(second)), ModelSource("broken", str(broken))),
        threads=1,
        warm_up_s=0.001,
        max_model_bytes=1,
    )
    observed = Observed()
    engine = LocalEngine(EngineConfig(worker=worker), observe=observed)
    images = [replace(PARAMS, model=name, seed=seed) for seed in (1, 2) for name in ("first", "other")]
    await engine.start()
    try:
        await observed.count(Ready)
        async with asyncio.timeout(TIMEOUT_S):
            results = [await job.result() for job in [engine.submit([params]) for params in images]]
        with pytest.raises(ModelUnusableError):
            engine.find_model("broken")
        assert engine.find_model("ours").name == "other"
        statuses = {model.name: model.status for model in engine.models}
    finally:
        await engine.stop()

    for params, (finished,) in zip(images, results, strict=True):
        expected = alone(tmp_path / "first" if params.model == "first" else second, params)
        values = zip(finished.rgb_image.pixels, expected, strict=True)
        assert max(abs(ours - theirs) for ours, theirs in values) <= 1
    assert sorted(statuses.values()) == [ModelStatus.DISK, ModelStatus.FAILED, ModelStatus.RESIDENT]
    calls = [each for each in observed.messages if isinstance(each, CallDone)]
    assert [call.key.model for call in calls if call.key.stage is Stage.LOAD][:1] == ["other"]


async def test_models_with_equal_aliases_are_refused_at_the_start(tmp_path: Path) -> None:
    for name in ("first", "second"):
        folder = tiny_model.write(tmp_path / name)
        (folder / "darkroom.json").write_text('{"aliases": ["ours"]}')
    worker = WorkerConfig(model=str(tmp_path / "first"), models=(ModelSource("", str(tmp_path / "second")),), threads=1)
    observed = Observed()
    engine = LocalEngine(EngineConfig(worker=worker), observe=observed)
    await engine.start()
    try:
        await observed.count(Unloadable)
    finally:
        await engine.stop()

    (refused,) = (message for message in observed.messages if isinstance(message, Unloadable))
    assert "ours is an alias of second, and already a name of first" in refused.message


def manifest_of(folder: Path) -> Path:
    """Writes a manifest of all files below a folder."""
    digests = Digests()
    files = {path: digests.of(path) for path in folder.rglob("*") if path.is_file()}
    path = folder / "m.sha256"
    path.write_text(manifest.render(files, folder))
    return path


async def test_a_file_that_is_exchanged_makes_its_model_unusable_at_the_next_load_and_others_go_on(
    tmp_path: Path,
) -> None:
    first, second = tiny_model.write(tmp_path / "first"), tiny_model.write(tmp_path / "second", seed=2)
    worker = WorkerConfig(
        model=str(first),
        models=(ModelSource("second", str(second)),),
        model_manifest=str(manifest_of(tmp_path)),
        threads=1,
        warm_up_s=0.001,
        max_model_bytes=1,
    )
    observed = Observed()
    engine = LocalEngine(EngineConfig(worker=worker), observe=observed)
    await engine.start()
    try:
        await observed.count(Ready)
        async with asyncio.timeout(TIMEOUT_S):
            for name in ("second", "first"):
                await engine.submit([replace(PARAMS, model=name)]).result()
            weights = second / "unet" / "diffusion_pytorch_model.safetensors"
            weights.write_bytes(weights.read_bytes()[:-1] + b"x")
            with pytest.raises(ModelUnusableError):
                await engine.submit([replace(PARAMS, model="second")]).result()
            await engine.submit([replace(PARAMS, model="first")]).result()
        reasons = {model.name: model.reason for model in engine.models}
    finally:
        await engine.stop()

    assert reasons["first"] == ""
    assert reasons["second"].startswith(f"{weights} is not the file that {tmp_path}/m.sha256 lists")


async def test_a_default_model_that_nobody_reviewed_is_not_served(tmp_path: Path) -> None:
    folder = tiny_model.write(tmp_path / "tiny")
    listed = manifest_of(tmp_path)
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    observed = Observed()
    worker = WorkerConfig(model=str(folder), model_manifest=str(listed), threads=1)
    engine = LocalEngine(EngineConfig(worker=worker), observe=observed)
    await engine.start()
    try:
        await observed.count(Unloadable)
    finally:
        await engine.stop()

    (refused,) = (message for message in observed.messages if isinstance(message, Unloadable))
    assert refused.message.startswith(f"{weights} is not the file that")
