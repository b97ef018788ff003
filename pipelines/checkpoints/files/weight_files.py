"""Chooses among the forms in which a folder or repository has the weights of one part. Knows names only.

A form is a single file or shards with an index, in a variant: plain, fp16 or bf16, such as `model.fp16.safetensors`.
Files that people keep beside them (`non_ema`, pickles) are no form.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

STEMS: Final = {"diffusers": "diffusion_pytorch_model", "transformers": "model"}
"""The name of a part's weights without variant and suffix, by the library of its class."""

_PICKLES: Final = (".bin", ".ckpt", ".pt", ".pth", ".pt2", ".pkl", ".pickle")
_OTHER_FORMATS: Final = (".msgpack", ".onnx", ".onnx_data", ".h5", ".gguf", ".safetensors", *_PICKLES)

_ORDER: Final = {
    "float32": ("", "fp16", "bf16"),
    "float16": ("fp16", "", "bf16"),
    "bfloat16": ("bf16", "", "fp16"),
}
"""The variants for each wanted dtype, best first: those that lose no precision, and among them the smallest."""


CONVERT: Final = (
    "If you trust its source, convert it where you have diffusers: "
    'DiffusionPipeline.from_pretrained("OLD").save_pretrained("NEW") writes safetensors.'
)
"""The remedy in the refusal of a model that has its weights only in a pickle."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form of the weights of a part."""

    variant: str
    """fp16, bf16, or an empty string for the plain form."""
    file: str
    """The name of the single file, or of the index of the shards."""
    is_index: bool


def find_forms(names: Collection[str], stem: str, dtype: str) -> Iterator[Form]:
    """Yield the forms among the names of a part's files, the best for the dtype first."""
    for variant in _ORDER[dtype]:
        dotted = variant and f".{variant}"
        if f"{stem}{dotted}.safetensors" in names:
            yield Form(variant, f"{stem}{dotted}.safetensors", is_index=False)
        for index in (f"{stem}.safetensors.index{dotted}.json", f"{stem}{dotted}.safetensors.index.json"):
            if index in names:
                yield Form(variant, index, is_index=True)
                break


def find_shards(names: Collection[str], stem: str, variant: str) -> list[str]:
    """Return the names of a variant's shards by the libraries' naming scheme, for callers without the index."""
    dotted = re.escape(variant and f".{variant}")
    shard = re.compile(rf"{re.escape(stem)}({dotted}-\d+-of-\d+|-\d+-of-\d+{dotted})\.safetensors")
    return sorted(name for name in names if shard.fullmatch(name))


def find_pickles(names: Collection[str]) -> list[str]:
    return sorted(name for name in names if name.lower().endswith(_PICKLES))


def explain_absence(folder: str, names: Collection[str], remedy: str) -> str:
    """Say that a part's folder, which has files of these names, has no weights that can be read."""
    pickles = find_pickles(names)
    if pickles:
        return (
            f"{folder} has its weights only in {pickles[0]}, a pickle, which could run code; only safetensors are "
            f"loaded. {CONVERT}"
        )
    others = sorted(name for name in names if is_weights(name))
    if others:
        return f"{folder} has its weights only in {others[0]}, which is not a form that is read. {remedy}"
    return f"{folder} has no weights. {remedy}"


def is_weights(name: str) -> bool:
    """Whether the name is that of weights in any format, including those that are never opened."""
    return name.lower().endswith(_OTHER_FORMATS)
