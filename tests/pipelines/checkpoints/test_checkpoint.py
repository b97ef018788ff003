"""A fingerprint stands for the files that a model opens, and for nothing else."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save_file

from pipelines.checkpoints import inspection, sources
from tests.harness.models import layouts, tiny_model


def fingerprint(folder: Path) -> str:
    return inspection.inspect(sources.find(str(folder))).fingerprint()


def test_what_is_beside_a_model_does_not_change_its_fingerprint(folder: Path, model_folder: Path) -> None:
    layouts.clone(folder)

    assert fingerprint(folder) == fingerprint(model_folder)


def test_a_configuration_and_the_size_of_a_file_change_the_fingerprint(folder: Path) -> None:
    first = fingerprint(folder)
    tiny_model.edit_json(folder / "unet" / "config.json", upcast_attention=True)
    configured = fingerprint(folder)
    layouts.rename_weights(layouts.weights(folder, "vae"), {"conv_out": "conv_out_of_another_name"})

    assert len({first, configured, fingerprint(folder)}) == 3


def test_weights_that_were_trained_on_change_the_fingerprint(folder: Path) -> None:
    first = fingerprint(folder)
    path = layouts.weights(folder, "unet")
    size = path.stat().st_size
    save_file({name: weight * 1.001 for name, weight in load_file(path).items()}, path, {"format": "pt"})

    assert path.stat().st_size == size
    assert fingerprint(folder) != first
