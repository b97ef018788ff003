"""The kind of a single file, its missing parts and the remedies are told before any weight is read."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pipelines.checkpoints.checkpoint import Checkpoint
from pipelines.checkpoints.dtypes import DtypeChoice
from pipelines.checkpoints.single_file import inspection
from pipelines.checkpoints.sources import Source
from pipelines.errors import ModelLoadError
from tests.harness.models import original_layout, tiny_model
from tests.harness.models.original_layout import Weights
from tests.pipelines.checkpoints.single_file.conftest import GetFolder, MakeFile

VAE = original_layout.VAE
TEXT = "cond_stage_model."


def inspect(path: Path, dtype: DtypeChoice = DtypeChoice()) -> Checkpoint:  # noqa: B008 -- frozen
    return inspection.inspect(Source(name="x", path=path), dtype)


def without(*prefixes: str) -> Callable[[Weights], None]:
    def remove(weights: Weights) -> None:
        for name in [name for name in weights if name.startswith(prefixes)]:
            del weights[name]

    return remove


def give(path: Path, **fields: object) -> None:
    tiny_model.write_json(path.with_suffix(".darkroom.json"), fields)


def assert_refused(path: Path, sentence: str) -> None:
    with pytest.raises(ModelLoadError, match=f"^{re.escape(sentence)}$"):
        inspect(path)


def test_a_whole_file_has_the_parts_of_its_family(file_of: MakeFile) -> None:
    path = file_of("sd15")
    found = inspect(path)
    assert (found.name, found.path, found.single_file) == ("x", path, path)
    assert found.weights == dict.fromkeys(("text_encoder", "unet", "vae"), (path,))
    assert set(found.support_files) == {"tokenizer"}
    assert set(found.configs) == {
        "text_encoder",
        "unet",
        "vae",
        "tokenizer",
        "scheduler",
        "model_index",
    }
    assert found.notes == ("x.safetensors is a Stable Diffusion 1.x model.",)


def test_a_dtype_is_chosen_by_that_of_the_weights(file_of: MakeFile) -> None:
    def to_bfloat16(weights: Weights) -> None:
        weights.update({name: weight.bfloat16() for name, weight in weights.items()})

    halves = DtypeChoice("auto", frozenset({"float16", "bfloat16"}))
    assert inspect(file_of("sd15", to_bfloat16), halves).dtype == "bfloat16"
    assert inspect(file_of("sd15"), halves).dtype == "float16"
    assert inspect(file_of("sd15")).dtype == "float32"


def test_evidence_for_what_the_model_is_is_said(file_of: MakeFile) -> None:
    path = file_of("sd21", lambda weights: weights.update(v_pred=torch.zeros(1), ztsnr=torch.zeros(1)))
    shutil.rmtree(path.with_suffix("") / "scheduler")
    found = inspect(path)
    assert found.notes == (
        "x.safetensors is a Stable Diffusion 2.x (predicts v) model.",
        "It predicts v_prediction, as its key v_pred says.",
        "Its noise ends at pure noise (zero terminal SNR).",
    )
    assert found.configs["scheduler"]["rescale_betas_zero_snr"] is True


def test_a_word_in_its_name_makes_it_a_model_of_few_steps(file_of: MakeFile) -> None:
    path = file_of("sd15", stem="x-turbo")
    shutil.rmtree(path.with_suffix("") / "scheduler")
    found = inspect(path)
    assert found.notes[1:] == ("Its name says turbo, so its defaults are few steps without guidance.",)
    assert found.configs["scheduler"]["timestep_spacing"] == "trailing"


def test_a_name_that_says_v_is_answered_with_what_to_write(file_of: MakeFile) -> None:
    path = file_of("sd15", stem="x-vpred")
    shutil.rmtree(path.with_suffix("") / "scheduler")
    (_, note) = inspect(path).notes
    assert note.endswith('write {"prediction_type": "v_prediction"} into x-vpred.darkroom.json beside it.')
    give(path, prediction_type="v_prediction")
    found = inspect(path)
    assert found.notes[1:] == ("It predicts v_prediction, as its settings file says.",)


def test_the_scheduler_beside_it_goes_before_what_its_name_says(file_of: MakeFile) -> None:
    path = file_of("sd15", stem="x-turbo")
    found = inspect(path)
    assert found.configs["scheduler"]["_class_name"] == "PNDMScheduler"
    assert found.notes == ("x-turbo.safetensors is a Stable Diffusion 1.x model.",)


def test_what_it_predicts_may_be_set_beside_a_scheduler(file_of: MakeFile) -> None:
    path = file_of("sd15")
    give(path, prediction_type="v_prediction")
    assert inspect(path).configs["scheduler"]["prediction_type"] == "v_prediction"


@pytest.mark.parametrize(
    ("removed", "lack", "fields"),
    [
        ((VAE,), "no autoencoder (VAE)", '"vae"'),
        ((TEXT,), "no text encoder", '"text_encoder"'),
        ((VAE, TEXT), "no text encoder and no autoencoder (VAE)", '"text_encoder" and "vae"'),
    ],
)
def test_what_is_missing_is_named_with_the_setting_that_helps(
    removed: tuple[str, ...], lack: str, fields: str, file_of: MakeFile
) -> None:
    path = file_of("sd15", without(*removed))
    assert_refused(
        path,
        f"{path} is a Stable Diffusion 1.x model that has {lack}. Name a file or folder that has it as {fields} in "
        "x.darkroom.json beside it.",
    )


def test_settings_may_name_what_is_missing(file_of: MakeFile, folder_of: GetFolder) -> None:
    path = file_of("sd15", without(VAE, TEXT))
    give(path, vae=str(folder_of("sd15") / "vae"), text_encoder=str(folder_of("sd15")))
    found = inspect(path)
    (vae,), (text_encoder,) = found.weights["vae"], found.weights["text_encoder"]
    assert vae == folder_of("sd15") / "vae/diffusion_pytorch_model.safetensors"
    assert text_encoder == folder_of("sd15") / "text_encoder/model.safetensors"
    assert found.notes[1:] == (
        f"Its text encoder is read from {text_encoder}.",
        f"Its autoencoder (VAE) is read from {vae}.",
    )


def test_averaged_weights_that_are_not_there_are_an_error(file_of: MakeFile) -> None:
    path = file_of("sd15")
    give(path, ema=True)
    assert_refused(path, f'{path} has no averaged weights: "ema" in x.darkroom.json beside it must be false.')


def test_weights_that_have_no_place_are_not_left_out_in_silence(file_of: MakeFile) -> None:
    name = f"{original_layout.UNET}input_blocks.1.7.gate.weight"
    path = file_of("sd15", lambda weights: weights.update({name: torch.zeros(1)}))
    assert_refused(
        path,
        f"{path} has weights that a Stable Diffusion 1.x UNet has no place for, such as {name}. Without them it would "
        "make other images.",
    )


def test_sizes_that_are_not_known_are_asked_for(file_of: MakeFile) -> None:
    path = file_of("sd15")
    shutil.rmtree(path.with_suffix("") / "unet")
    assert_refused(
        path,
        f"{path}: its unet has [8, 16, 16, 16] channels, which are no multiples of 32. If that is as it should be, put "
        "its configuration beside the file, as x/unet/config.json.",
    )


def test_a_file_that_lacks_what_its_sizes_are_read_from_is_named(file_of: MakeFile) -> None:
    path = file_of("sd15", without(f"{original_layout.UNET}out.2."))
    shutil.rmtree(path.with_suffix("") / "unet")
    assert_refused(
        path,
        f"{path}: its unet lacks the weight 'out.2.weight'. If that is as it should be, put its configuration beside "
        "the file, as x/unet/config.json.",
    )
