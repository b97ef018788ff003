"""Provokes every message that docs/troubleshooting.md quotes, so that the page quotes what its reader sees."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import typer

from darkroom import AsyncDarkroom
from darkroom.cli.failures import explained
from pipelines.checkpoints import loader
from pipelines.errors import ModelLoadError
from pipelines.integrity import manifest
from pipelines.integrity.digests import Digests
from pipelines.integrity.file_access import ReviewedFiles
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.environment import SettingsError, load_settings
from service.errors import EngineUnavailableError, GenerationFailedError, QueueFullError
from service.jobs.store.database import Database, database_url
from service.jobs.store.migrations import SchemaTooNewError, migrate
from service.server.addresses import listening
from service.server.app import create_app
from service.settings import Settings
from tests.harness.engine import uploads
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.engine.local_engine import serving
from tests.harness.engine.worker_harness import make_params
from tests.harness.models import layouts, original_layout, tiny_model
from tests.harness.models.zoo import writer
from tests.harness.paths import ROOT
from tests.repository.machine import Machine

QUOTED = re.findall(r"```text\n(.+)\n```", (ROOT / "docs" / "troubleshooting.md").read_text())
NOBODY = 65534


def an_old_python(folder: Path) -> str:
    machine = Machine(folder)
    machine.python("python3", "3.9")
    return machine.set_up().said[-1]


def a_python_that_makes_no_environments(folder: Path) -> str:
    machine = Machine(folder)
    machine.python("python3", "3.11", lacks="venv pip")
    return machine.set_up().said[-1]


def no_network(folder: Path) -> str:
    machine = Machine(folder)
    machine.python("python3", "3.12", lacks="network")
    return machine.set_up().said[-1]


def the_large_torch(folder: Path) -> str:
    machine = Machine(folder)
    machine.python("python3", "3.12")
    return next(line for line in machine.set_up().said if "GPU" in line)


def no_gpu(_: Path) -> str:
    with pytest.raises(ModelLoadError) as caught:
        loader.load("any", device="cuda:99")
    return str(caught.value)


def a_port_in_use(_: Path) -> str:
    with listening(["127.0.0.1"], 0) as (taken,):
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use") as caught:
            listening(["127.0.0.1"], port).__enter__()
    return str(caught.value).replace(str(port), "8000")


def a_misspelled_variable(_: Path) -> str:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DARKROOM_MODLE", "mine")
        with pytest.raises(SettingsError) as caught:
            load_settings()
    return str(caught.value)


def a_hub_id(_: Path) -> str:
    with pytest.raises(ModelLoadError) as caught:
        loader.load("stable-diffusion-v1-5/stable-diffusion-v1-5")
    return str(caught.value)


def a_lora(folder: Path) -> str:
    return refusal(original_layout.save({"lora_unet_mid_block.alpha": torch.zeros(1)}, folder / "mine.safetensors"))


def a_single_file_without_an_autoencoder(folder: Path) -> str:
    weights = original_layout.convert(writer.write("sd15", folder / "mine"), "sd1")
    own = {name: each for name, each in weights.items() if not name.startswith(original_layout.VAE)}
    return refusal(original_layout.save(own, folder / "mine.safetensors"))


def a_pickle(folder: Path) -> str:
    model = tiny_model.write(folder / "mine")
    weights = model / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    return refusal(model)


def a_clone_without_its_large_files(folder: Path) -> str:
    model = tiny_model.write(folder / "mine")
    (model / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(layouts.LFS_POINTER)
    return refusal(model)


def another_kind_of_model(folder: Path) -> str:
    model = tiny_model.write(folder / "mine")
    tiny_model.edit_json(model / "model_index.json", _class_name="FluxPipeline")
    return refusal(model)


def refusal(model: Path) -> str:
    """The model is the only thing in its folder, and is `/models/...` on the page."""
    with pytest.raises(ModelLoadError) as caught:
        loader.load(str(model))
    return str(caught.value).replace(str(model.parent), "/models")


def a_file_that_nobody_reviewed(folder: Path) -> str:
    model = tiny_model.write(folder / "mine")
    listed = {path: Digests().of(path) for path in model.rglob("*") if path.is_file()}
    (model / "darkroom.json").write_text("{}")
    listing = folder / "models.sha256"
    files = ReviewedFiles([manifest.parse(manifest.render(listed, folder), listing)])
    with pytest.raises(ModelLoadError) as caught:
        loader.load(str(model), device="cpu", files=files)
    return str(caught.value).replace(str(folder), "/models")


def a_data_folder_of_somebody_else(_: Path) -> str:
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        data.chmod(0o555)
        with unprivileged(), pytest.raises(OSError, match="cannot be kept") as caught:
            create_app(Settings(data_dir=data), FakeEngine())
        return str(caught.value).replace(name, "/data")


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """A context without root's right to write everywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def a_newer_database(folder: Path) -> str:
    async def start() -> None:
        database = Database(database_url(None, folder))
        try:
            await migrate(database)
        finally:
            await database.close()

    asyncio.run(start())
    with contextlib.closing(sqlite3.connect(folder / "jobs.sqlite3")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(SchemaTooNewError) as caught:
        asyncio.run(start())
    return str(caught.value)


def a_model_that_is_being_loaded(_: Path) -> str:
    engine = LocalEngine(EngineConfig(worker=WorkerConfig(model="any")))
    with pytest.raises(EngineUnavailableError) as caught:
        engine.submit([make_params()])
    return caught.value.message


def a_full_queue(_: Path) -> str:
    async def fill() -> str:
        async with serving("--call-s", "0.05", max_queued_images=1) as (engine, _):
            engine.submit([make_params()])
            with pytest.raises(QueueFullError) as caught:
                engine.submit([make_params()])
        return caught.value.message

    return asyncio.run(fill())


def too_many_images_to_start_from(_: Path) -> str:
    async def fill() -> str:
        first, second = (make_params(image=image) for image in (uploads.IMAGE, uploads.OTHER_IMAGE))
        inputs = {key: uploads.pixels_of(key, 3) for params in (first, second) for key in params.pixels}
        async with serving("--call-s", "0.05", max_input_bytes=1) as (engine, _):
            engine.submit([first], inputs=inputs)
            with pytest.raises(QueueFullError) as caught:
                engine.submit([second], inputs=inputs)
        return caught.value.message

    return asyncio.run(fill())


def a_server_that_is_not_there(_: Path) -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"

    async def call() -> None:
        async with AsyncDarkroom(base_url=address, max_retries=0) as client:
            await client.models.list()

    with pytest.raises(typer.TyperException) as caught, explained():
        asyncio.run(call())
    return caught.value.format_message().replace(address, "http://127.0.0.1:8000")


def an_image_too_large_for_memory(_: Path) -> str:
    return asyncio.run(poisoned("predict:memory:0"))


def an_image_that_overflows(_: Path) -> str:
    return asyncio.run(poisoned("predict:nan:0"))


async def poisoned(fault: str) -> str:
    async with serving("--fault", fault) as (engine, _):
        with pytest.raises(GenerationFailedError) as caught:
            await engine.submit([make_params("poison")]).result()
    return caught.value.message


PROVOCATIONS: list[Callable[[Path], str]] = [  # In the page's order.
    an_old_python,
    a_python_that_makes_no_environments,
    no_network,
    the_large_torch,
    no_gpu,
    a_port_in_use,
    a_misspelled_variable,
    a_hub_id,
    a_lora,
    a_single_file_without_an_autoencoder,
    a_pickle,
    a_clone_without_its_large_files,
    another_kind_of_model,
    a_file_that_nobody_reviewed,
    a_data_folder_of_somebody_else,
    a_newer_database,
    a_model_that_is_being_loaded,
    a_full_queue,
    too_many_images_to_start_from,
    a_server_that_is_not_there,
    an_image_too_large_for_memory,
    an_image_that_overflows,
]


def test_every_message_on_the_page_is_provoked() -> None:
    assert len(QUOTED) == len(PROVOCATIONS)


@pytest.mark.parametrize("provoke", PROVOCATIONS)
def test_the_page_quotes_what_is_said(provoke: Callable[[Path], str], tmp_path: Path) -> None:
    assert provoke(tmp_path) == QUOTED[PROVOCATIONS.index(provoke)]
