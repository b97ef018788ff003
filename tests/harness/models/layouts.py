"""Rearranges a model folder into layouts that people have: variants, shards, the hub's cache, half a download.

Each function changes the folder in place, unless it says otherwise. The model stays the same.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.harness.models import tiny_model

STEMS: Final = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}
"""The name of the weights of each part, without its suffix."""
COMMIT: Final = "a" * 40
LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 3438167536\n"


def weights(folder: Path, part: str) -> Path:
    """The file of a part's weights in the plain layout."""
    return folder / part / f"{STEMS[part]}.safetensors"


def rename_to_variant(folder: Path, variant: str, *parts: str) -> None:
    """Name the weights of parts, by default of all, as those of a variant."""
    for part in parts or STEMS:
        weights(folder, part).rename(folder / part / f"{STEMS[part]}.{variant}.safetensors")


def shard(folder: Path, part: str, variant: str = "") -> None:
    """Split the weights of a part into two shards with an index, as the libraries of today name them."""
    stem, dotted = STEMS[part], variant and f".{variant}"
    tensors = load_file(weights(folder, part))
    weights(folder, part).unlink()
    names = sorted(tensors)
    halves = (names[: len(names) // 2], names[len(names) // 2 :])
    weight_map: dict[str, str] = {}
    for number, half in enumerate(halves, 1):
        file = f"{stem}{dotted}-{number:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in half}, folder / part / file, {"format": "pt"})
        weight_map |= dict.fromkeys(half, file)
    index = {"metadata": {}, "weight_map": weight_map}
    tiny_model.write_json(folder / part / f"{stem}.safetensors.index{dotted}.json", index)


def rename_weights(path: Path, names: Mapping[str, str], extra: Mapping[str, Tensor] | None = None) -> None:
    """Replace parts of the tensors' names, and add tensors."""
    tensors = load_file(path)
    for old, new in names.items():
        tensors = {name.replace(old, new): tensor for name, tensor in tensors.items()}
    save_file(tensors | dict(extra or {}), path, {"format": "pt"})


def into_hub_cache(folder: Path, cache: Path, hub_id: str) -> Path:
    """Copy a folder into a hub cache. Returns its snapshot, whose files are links to blobs."""
    repository = cache / f"models--{hub_id.replace('/', '--')}"
    snapshot = repository / "snapshots" / COMMIT
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        blob = repository / "blobs" / hashlib.sha256(path.read_bytes()).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, blob)
        link = snapshot / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    main = repository / "refs" / "main"
    main.parent.mkdir(parents=True)
    main.write_text(COMMIT)
    return snapshot


def clone(folder: Path) -> None:
    """Add what a clone of a hub's repository has beside a model: pickles, code, other formats, git's own folder."""
    for name in (
        "v1-5-pruned.ckpt",
        "v1-5-pruned.safetensors",
        "pipeline.py",
        ".git/hooks/pre-push",
        ".git/lfs/objects/pytorch_model.bin",
        "README.md",
        "unet/diffusion_pytorch_model.bin",
        "unet/diffusion_pytorch_model.non_ema.safetensors",
        "unet/model.py",
        "text_encoder/flax_model.msgpack",
        "text_encoder/pytorch_model.bin",
        "vae/diffusion_pytorch_model.pt",
        "safety_checker/pytorch_model.bin",
        "feature_extractor/preprocessor_config.json",
        "assets/image.png",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x80\x02 not to be opened")
