"""The bundled configurations are complete, and the libraries read them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import diffusers
import pytest
import torch
import transformers

from pipelines.checkpoints.single_file.kinds import TOKENIZER_FILES, Kind

END_OF_TEXT = 49407
EXCLAMATION_MARK = 0
PADDING = {"quick_gelu": END_OF_TEXT, "gelu": EXCLAMATION_MARK}
"""OpenAI's CLIP has the first activation, OpenCLIP the second, which fills up with token 0."""


def tokenizers() -> list[tuple[Kind, str]]:
    return [(kind, folder.name) for kind in Kind for folder in sorted(kind.configs.glob("tokenizer*"))]


@pytest.mark.parametrize("kind", Kind)
def test_each_part_of_the_index_has_a_configuration(kind: Kind) -> None:
    index = json.loads((kind.configs / "model_index.json").read_bytes())
    parts = {name for name, value in index.items() if isinstance(value, list)}
    assert {folder.name for folder in kind.configs.iterdir() if folder.is_dir()} == parts
    scheduler = json.loads((kind.configs / "scheduler/scheduler_config.json").read_bytes())
    assert index["scheduler"] == ["diffusers", scheduler["_class_name"]]


@pytest.mark.parametrize("kind", Kind)
def test_the_unet_takes_what_the_text_encoders_give(kind: Kind) -> None:
    widths = [
        transformers.CLIPTextConfig.from_pretrained(folder).hidden_size for folder in kind.configs.glob("text_encoder*")
    ]
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel.from_config(
            diffusers.UNet2DConditionModel.load_config(str(kind.configs / "unet"))
        )
        vae = diffusers.AutoencoderKL.from_config(diffusers.AutoencoderKL.load_config(str(kind.configs / "vae")))
    assert unet.config["cross_attention_dim"] == sum(widths)
    assert vae.config["latent_channels"] == unet.config["out_channels"]


@pytest.mark.parametrize(("kind", "part"), tokenizers())
def test_a_tokenizer_fills_up_with_the_token_of_its_encoder(kind: Kind, part: str, tmp_path: Path) -> None:
    for file in (*TOKENIZER_FILES.values(), kind.configs / part / "tokenizer_config.json"):
        shutil.copy(file, tmp_path)
    tokenizer = transformers.CLIPTokenizer.from_pretrained(tmp_path)
    ids = tokenizer("a cat", padding="max_length", max_length=tokenizer.model_max_length).input_ids
    activation = json.loads((kind.configs / part.replace("tokenizer", "text_encoder") / "config.json").read_bytes())[
        "hidden_act"
    ]
    assert len(ids) == 77
    assert ids[3] == END_OF_TEXT
    assert set(ids[4:]) == {PADDING[activation]}
