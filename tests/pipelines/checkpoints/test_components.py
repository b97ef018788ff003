"""A part gets each of its weights, in one dtype, or is refused with the name of what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pipelines.checkpoints import components
from pipelines.errors import ModelLoadError
from tests.harness.models import tiny_model
from tests.harness.models.layouts import weights

CLASSES = {"unet": UNet2DConditionModel, "vae": AutoencoderKL, "text_encoder": CLIPTextModel}
CPU = torch.device("cpu")


def load(
    folder: Path,
    part: str,
    dtype: torch.dtype = torch.float32,
    tensors: Iterable[tuple[str, Tensor]] | None = None,
    component_class: Any = None,
) -> torch.nn.Module:
    config = tiny_model.read_json(folder / part / "config.json")
    read = components.read_tensors([weights(folder, part)], dtype, CPU) if tensors is None else tensors
    return components.load_network(folder / part, component_class or CLASSES[part], config, read, dtype)


@pytest.mark.parametrize("part", CLASSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_part_is_equal_to_what_its_library_loads(model_folder: Path, part: str, dtype: torch.dtype) -> None:
    expected = CLASSES[part].from_pretrained(model_folder / part, torch_dtype=dtype, local_files_only=True)

    network = load(model_folder, part, dtype)

    state, reference = network.state_dict(), expected.state_dict()
    assert {name: (each.dtype, each.device) for name, each in state.items()} == {
        name: (each.dtype, each.device) for name, each in reference.items()
    }
    assert all(torch.equal(state[name], reference[name]) for name in reference)
    buffers = dict(network.named_buffers())
    assert all(torch.equal(each, buffers[name]) for name, each in expected.named_buffers())
    assert not network.training
    assert not any(each.requires_grad for each in network.parameters())


def test_a_text_encoder_whose_configuration_names_another_dtype_is_of_one_dtype(
    model_folder: Path, tmp_path: Path
) -> None:
    """Its library, when no dtype is named, may load the parts of such an encoder in different dtypes."""
    config = {**tiny_model.read_json(model_folder / "text_encoder" / "config.json"), "torch_dtype": "float16"}
    encoder = CLIPTextModelWithProjection(CLIPTextConfig(**config))
    path = tmp_path / "model.safetensors"
    save_file({name: each.half() for name, each in encoder.state_dict().items()}, path)

    read = components.read_tensors([path], torch.float32, CPU)
    network = components.load_network(tmp_path, CLIPTextModelWithProjection, config, read, torch.float32)

    assert {each.dtype for each in network.parameters()} == {torch.float32}


@pytest.mark.parametrize("part", CLASSES)
def test_a_part_that_lacks_weights_is_refused_by_their_names(model_folder: Path, part: str) -> None:
    tensors = load_file(weights(model_folder, part))
    gone = sorted(tensors)[:5]

    with pytest.raises(ModelLoadError) as refusal:
        load(model_folder, part, tensors=((name, each) for name, each in tensors.items() if name not in gone))

    assert f"lacks weights that the part's configuration asks for: {', '.join(gone[:3])} and 2 more." in str(
        refusal.value
    )


def test_weights_of_another_shape_are_refused(model_folder: Path) -> None:
    tensors = load_file(weights(model_folder, "unet"))
    tensors["conv_in.weight"] = torch.zeros(8, 9, 3, 3)

    with pytest.raises(ModelLoadError, match=r"conv_in.weight has the shape \[8, 9, 3, 3\], but .* \[8, 4, 3, 3\]"):
        load(model_folder, "unet", tensors=tensors.items())


def test_weights_without_a_place_are_left_out(model_folder: Path) -> None:
    tensors = load_file(weights(model_folder, "vae")) | {"ema.decay": torch.zeros(1)}

    assert "ema.decay" not in load(model_folder, "vae", tensors=tensors.items()).state_dict()


def test_tensors_of_several_files_are_read_in_turn_in_one_dtype(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2, dtype=torch.float16)}, tmp_path / "1.safetensors")
    save_file({"b": torch.ones(2), "n": torch.arange(3)}, tmp_path / "2.safetensors")

    read = dict(components.read_tensors([tmp_path / "1.safetensors", tmp_path / "2.safetensors"], torch.bfloat16, CPU))

    assert {name: each.dtype for name, each in read.items()} == {
        "a": torch.bfloat16,
        "b": torch.bfloat16,
        "n": torch.int64,
    }


def test_a_tensor_outlives_its_file(tmp_path: Path) -> None:
    """Weights are copied when they are read: replacing a file while its model is served does not change the model."""
    path = tmp_path / "1.safetensors"
    save_file({"a": torch.ones(1000)}, path)

    ((_, tensor),) = components.read_tensors([path], torch.float32, CPU)
    path.write_bytes(bytes(path.stat().st_size))

    assert bool((tensor == 1).all())


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0{}      junk"])
def test_a_file_that_breaks_after_it_was_inspected_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "1.safetensors"
    path.write_bytes(content)

    with pytest.raises(ModelLoadError, match=r"1\.safetensors cannot be loaded: "):
        list(components.read_tensors([path], torch.float32, CPU))


def test_a_configuration_that_its_class_does_not_take_is_refused(model_folder: Path) -> None:
    with pytest.raises(ModelLoadError, match="unet cannot be loaded: "):
        components.load_network(
            Path("unet"), UNet2DConditionModel, {"down_block_types": ["NoSuchBlock"]}, [], torch.float32
        )


def test_a_tokenizer_sees_its_own_files_alone(model_folder: Path, tmp_path: Path) -> None:
    files = {path.name: path for path in (model_folder / "tokenizer").iterdir()}

    tokenizer = components.load_tokenizer(tmp_path, CLIPTokenizer, files)

    expected = CLIPTokenizer.from_pretrained(model_folder / "tokenizer")
    assert tokenizer("a red fox").input_ids == expected("a red fox").input_ids


def test_a_broken_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")

    with pytest.raises(ModelLoadError, match="tokenizer cannot be loaded: "):
        components.load_tokenizer(
            tmp_path / "tokenizer", CLIPTokenizer, {"tokenizer.json": tmp_path / "tokenizer.json"}
        )
