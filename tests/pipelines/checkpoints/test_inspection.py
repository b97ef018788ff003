"""Only the files that a model needs are judged. A refusal names the file, the cause and what to do instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.checkpoints import inspection
from pipelines.checkpoints.checkpoint import Checkpoint
from pipelines.checkpoints.dtypes import DtypeChoice
from pipelines.checkpoints.sources import Source
from pipelines.errors import ModelLoadError
from pipelines.families.stable_diffusion.family import StableDiffusion
from tests.harness.models import layouts, tiny_model
from tests.harness.models.layouts import weights

UNET = "unet/diffusion_pytorch_model.safetensors"
AGAIN = "Download it again."
NO_INDEX = "MODEL is not a diffusers model folder: it has no model_index.json."
INDEX = "unet/diffusion_pytorch_model.safetensors.index.json"


def inspect(folder: Path, **fields: Any) -> Checkpoint:
    return inspection.inspect(Source(name="tiny", path=folder, **fields))


def refusal(folder: Path, **fields: Any) -> str:
    """The message, in which MODEL stands for the folder."""
    with pytest.raises(ModelLoadError) as caught:
        inspect(folder, **fields)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(folder), "MODEL")


def set_index(folder: Path, **fields: object) -> None:
    tiny_model.edit_json(folder / "model_index.json", **fields)


def replace_by_pickle(folder: Path) -> None:
    weights(folder, "unet").rename(folder / "unet" / "diffusion_pytorch_model.bin")


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def shard_elsewhere(folder: Path, name: str) -> None:
    layouts.shard(folder, "unet")
    index = folder / INDEX
    tiny_model.write_json(index, {"weight_map": {"conv_in.weight": name}})


def leave_only(folder: Path, name: str) -> None:
    (folder / "model_index.json").unlink()
    for path in folder.iterdir():
        path.rename(folder.parent / path.name)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).touch()


REFUSALS: dict[str, tuple[Callable[[Path], object], str]] = {
    "Git LFS pointer": (
        lambda folder: weights(folder, "unet").write_bytes(layouts.LFS_POINTER),
        f"MODEL/{UNET} is a Git LFS pointer, not the weights. Run `git lfs pull` in the folder that was cloned.",
    ),
    "empty file": (lambda folder: cut(folder / UNET, 0), f"MODEL/{UNET} is empty. {AGAIN}"),
    "pickle only": (
        replace_by_pickle,
        (
            "MODEL/unet has its weights only in diffusion_pytorch_model.bin, a pickle, which could run code; only "
            "safetensors are loaded. If you trust its source, convert it where you have diffusers: "
            'DiffusionPipeline.from_pretrained("OLD").save_pretrained("NEW") writes safetensors.'
        ),
    ),
    "no weights": (
        lambda folder: (folder / UNET).unlink(),
        "MODEL/unet has no weights. Download the model again, or ask whoever made the folder.",
    ),
    "weights under an unknown name": (
        lambda folder: (folder / UNET).rename(folder / "unet" / "mine.safetensors"),
        (
            "MODEL/unet has its weights only in mine.safetensors, which is not a form that is read. "
            "Download the model again, or ask whoever made the folder."
        ),
    ),
    "a missing part": (
        lambda folder: (folder / "vae").rename(folder.parent / "vae"),
        (
            "MODEL lacks the folder vae, which its model_index.json lists. "
            "Download the model again, or ask whoever made the folder."
        ),
    ),
    "a missing configuration": (
        lambda folder: (folder / "vae" / "config.json").unlink(),
        "MODEL/vae/config.json is missing. Download the model again, or ask whoever made the folder.",
    ),
    "a missing vocabulary": (
        lambda folder: (folder / "tokenizer" / "tokenizer.json").unlink(),
        (
            "MODEL/tokenizer lacks vocab.json and merges.txt, or tokenizer.json. "
            "Download the model again, or ask whoever made the folder."
        ),
    ),
    "a missing shard": (
        lambda folder: shard_elsewhere(folder, "gone.safetensors"),
        (
            "MODEL/unet/gone.safetensors cannot be read: [Errno 2] No such file or directory: "
            "'MODEL/unet/gone.safetensors'."
        ),
    ),
    "a shard elsewhere": (
        lambda folder: shard_elsewhere(folder, "../vae/x.safetensors"),
        (f"MODEL/{INDEX} names '../vae/x.safetensors', which is not the plain name of a safetensors file."),
    ),
    "a shard that is a pickle": (
        lambda folder: shard_elsewhere(folder, "x.bin"),
        (f"MODEL/{INDEX} names 'x.bin', which is not the plain name of a safetensors file."),
    ),
    "a single file": (
        lambda folder: leave_only(folder, "sd.safetensors"),
        (f"{NO_INDEX} It has single files; name one of them, such as MODEL/sd.safetensors."),
    ),
    "a single pickle": (
        lambda folder: leave_only(folder, "sd.ckpt"),
        (
            f"{NO_INDEX} It has only sd.ckpt, a pickle, which could "
            "run code. If you trust its source, convert it where you have diffusers: "
            'DiffusionPipeline.from_pretrained("OLD").save_pretrained("NEW") writes safetensors.'
        ),
    ),
    "one part of a model": (
        lambda folder: leave_only(folder, "config.json"),
        (f"{NO_INDEX} It is one part of a model; name the folder above it."),
    ),
    "a folder of models": (
        lambda folder: leave_only(folder, "mine/model_index.json"),
        (f"{NO_INDEX} Name a folder that has one, such as MODEL/mine."),
    ),
    "an empty folder": (
        lambda folder: leave_only(folder, "README.md"),
        (f"{NO_INDEX} Download the model again, or ask whoever made the folder."),
    ),
}


@pytest.mark.parametrize(("break_folder", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_names_the_file_the_cause_and_what_to_do(
    folder: Path, break_folder: Callable[[Path], object], message: str
) -> None:
    break_folder(folder)

    assert refusal(folder) == message


@pytest.mark.parametrize("field", ["auto_map", "custom_pipeline", "trust_remote_code"])
@pytest.mark.parametrize("file", ["model_index.json", "unet/config.json", "tokenizer/tokenizer_config.json"])
def test_a_part_that_needs_code_of_its_own_is_refused(folder: Path, file: str, field: str) -> None:
    tiny_model.edit_json(folder / file, **{field: {"AutoModel": "mine.Unet"}})

    assert refusal(folder).startswith(f"MODEL/{file} asks for code of its own ({field}), which is not run.")


def test_what_is_beside_a_model_is_neither_opened_nor_judged_and_named_once(folder: Path) -> None:
    layouts.clone(folder)
    set_index(folder, safety_checker=["a_module_of_its_own", "Checker"])

    checkpoint = inspect(folder)

    (note,) = checkpoint.notes
    assert note.startswith("Left aside, since the model does not need them: assets, feature_extractor, pipeline.py and")
    assert all(path.name == weights(folder, part).name for part, (path,) in checkpoint.weights.items())


def test_a_plain_folder_needs_no_note(model_folder: Path) -> None:
    checkpoint = inspect(model_folder)

    assert isinstance(checkpoint.family, StableDiffusion)
    assert checkpoint.notes == ()
    assert {part: each.__name__ for part, each in checkpoint.classes.items()} == {
        "tokenizer": "CLIPTokenizer",
        "text_encoder": "CLIPTextModel",
        "unet": "UNet2DConditionModel",
        "vae": "AutoencoderKL",
    }
    assert checkpoint.weights["unet"] == (weights(model_folder, "unet"),)
    assert checkpoint.configs["model_index"]["_class_name"] == "StableDiffusionPipeline"
    assert set(checkpoint.support_files) == {"tokenizer"}


def test_the_variant_that_is_taken_is_said(folder: Path) -> None:
    layouts.rename_to_variant(folder, "fp16", "unet", "vae")

    assert inspect(folder).notes == ("The fp16 files of unet, vae are taken.",)


def test_a_better_form_that_is_broken_is_said(folder: Path) -> None:
    layouts.rename_to_variant(folder, "fp16", "unet")
    weights(folder, "unet").write_bytes(layouts.LFS_POINTER)

    first, second, _ = inspect(folder).notes

    assert first == "The fp16 files of unet are taken."
    assert second.endswith("in the folder that was cloned. Until then the fp16 files of unet are taken.")


def test_links_out_of_a_download_are_refused_and_those_of_the_user_are_not(folder: Path, tmp_path: Path) -> None:
    outside = weights(folder, "vae").rename(tmp_path / "outside")
    weights(folder, "vae").symlink_to(outside)

    assert inspect(folder).weights
    message = refusal(folder, boundary=folder)
    assert message.startswith("MODEL/vae/diffusion_pytorch_model.safetensors is a link that leads out of what was")


def test_the_cached_part_of_a_repository_says_how_to_get_the_rest(folder: Path) -> None:
    (folder / UNET).unlink()

    assert refusal(folder, remedy="Fetch it.") == "MODEL/unet has no weights. Fetch it."


def test_the_dtype_follows_from_the_parts_that_were_saved_in_bfloat16(folder: Path) -> None:
    tiny_model.edit_json(folder / "unet" / "config.json", torch_dtype="bfloat16")

    source = Source(name="tiny", path=folder)
    choice = DtypeChoice("auto", frozenset({"float16", "bfloat16"}))

    assert inspection.inspect(source, choice).dtype == "bfloat16"


def test_a_weight_map_that_is_none_is_refused(folder: Path) -> None:
    layouts.shard(folder, "unet")
    index = folder / INDEX
    index.write_text(json.dumps({"weight_map": []}))

    assert "has no weight_map" in refusal(folder)
