"""The form of a part's weights that is best for the dtype comes first. Other files are no forms."""

from __future__ import annotations

import pytest

from pipelines.checkpoints.files import weight_files
from pipelines.checkpoints.files.weight_files import Form

PLAIN = "model.safetensors"
FP16 = "model.fp16.safetensors"
BF16 = "model.bf16.safetensors"


@pytest.mark.parametrize(
    ("dtype", "order"),
    [("float32", [PLAIN, FP16, BF16]), ("float16", [FP16, PLAIN, BF16]), ("bfloat16", [BF16, PLAIN, FP16])],
)
def test_the_best_form_for_the_dtype_comes_first(dtype: str, order: list[str]) -> None:
    forms = list(weight_files.find_forms({PLAIN, FP16, BF16}, "model", dtype))

    assert [form.file for form in forms] == order
    assert not any(form.is_index for form in forms)


@pytest.mark.parametrize("index", ["model.safetensors.index.fp16.json", "model.fp16.safetensors.index.json"])
def test_shards_are_a_form_by_either_name_of_their_index(index: str) -> None:
    assert list(weight_files.find_forms({index}, "model", "float32")) == [Form("fp16", index, is_index=True)]


def test_a_single_file_comes_before_shards_of_its_variant() -> None:
    names = {PLAIN, "model.safetensors.index.json", FP16}

    forms = [form.file for form in weight_files.find_forms(names, "model", "float32")]

    assert forms == [PLAIN, "model.safetensors.index.json", FP16]


@pytest.mark.parametrize(
    "name",
    ["model.non_ema.safetensors", "model.bin", "model.fp16.bin", "pytorch_model.safetensors", "model.index.json"],
)
def test_other_files_are_no_form(name: str) -> None:
    assert not list(weight_files.find_forms({name}, "model", "float32"))


def test_shards_are_known_by_their_names_and_variant() -> None:
    plain = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    fp16 = ["model.fp16-00001-of-00002.safetensors", "model-00002-of-00002.fp16.safetensors"]
    names = {*plain, *fp16, "model.safetensors", "model-00001-of-00002.bin", "other-00001-of-00002.safetensors"}

    assert weight_files.find_shards(names, "model", "") == plain
    assert weight_files.find_shards(names, "model", "fp16") == sorted(fp16)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ({"b.bin", "a.ckpt"}, "unet has its weights only in a.ckpt, a pickle"),
        (
            {"flax_model.msgpack"},
            "unet has its weights only in flax_model.msgpack, which is not a form that is read. Do.",
        ),
        ({"config.json"}, "unet has no weights. Do."),
    ],
)
def test_absent_weights_are_explained_by_what_is_there(names: set[str], reason: str) -> None:
    assert weight_files.explain_absence("unet", names, "Do.").startswith(reason)


def test_weights_are_known_in_every_format() -> None:
    assert all(map(weight_files.is_weights, ("a.safetensors", "a.BIN", "a.onnx", "a.msgpack", "a.gguf")))
    assert not any(map(weight_files.is_weights, ("README.md", "config.json", "image.png")))
