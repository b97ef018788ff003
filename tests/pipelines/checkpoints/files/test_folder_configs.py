"""All configurations of a folder are read without its weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.checkpoints.files import folder_configs
from pipelines.errors import ModelLoadError
from tests.harness.models import layouts, tiny_model


def test_configurations_are_read_without_weights(folder: Path) -> None:
    for part in layouts.STEMS:
        layouts.weights(folder, part).unlink()

    found = folder_configs.read(folder, None, "")

    assert set(found.weighted_parts) == set(layouts.STEMS)
    assert found.configs["unet"]["block_out_channels"] == list(tiny_model.SHAPE.unet["block_out_channels"])
    assert found.configs["scheduler"]["_class_name"] == "PNDMScheduler"
    assert found.configs["tokenizer"]["model_max_length"] == tiny_model.TOKENS
    assert found.support_files["tokenizer"]["tokenizer.json"] == folder / "tokenizer" / "tokenizer.json"


def test_a_tokenizer_needs_no_configuration(folder: Path) -> None:
    (folder / "tokenizer" / "tokenizer_config.json").unlink()

    assert folder_configs.read(folder, None, "").configs["tokenizer"] == {}


def test_the_text_encoder_of_a_whole_clip_configuration_is_read(folder: Path) -> None:
    path = folder / "text_encoder" / "config.json"
    own = tiny_model.read_json(path)
    tiny_model.write_json(path, {"model_type": "clip", "text_config": own, "vision_config": {}})

    assert folder_configs.read(folder, None, "").configs["text_encoder"] == own


@pytest.mark.parametrize("name", ["model_index.json", "unet/config.json", "tokenizer/tokenizer.json"])
def test_a_configuration_that_leads_out_of_a_download_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    outside = (folder / name).rename(tmp_path / "outside.json")
    (folder / name).symlink_to(outside)
    assert folder_configs.read(folder, tmp_path, "").configs

    with pytest.raises(ModelLoadError) as refusal:
        folder_configs.read(folder, folder, "")

    assert str(refusal.value) == (
        f"{folder / name} is a link that leads out of what was downloaded, which is not followed. Delete {folder} and "
        "download the model again."
    )
