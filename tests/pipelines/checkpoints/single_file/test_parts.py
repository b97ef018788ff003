"""The parts of a single file: from it, or from the file or folder that the user named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import diffusers
import pytest

from pipelines.checkpoints.files import safetensors_files
from pipelines.checkpoints.single_file import parts, settings
from pipelines.checkpoints.single_file.kinds import Kind
from pipelines.checkpoints.single_file.parts import FileParts
from pipelines.checkpoints.single_file.settings import FileSettings
from pipelines.errors import ModelLoadError
from tests.harness.models import original_layout, tiny_model
from tests.harness.models.original_layout import Weights
from tests.harness.models.zoo.architectures import SD1
from tests.pipelines.checkpoints.single_file.conftest import GetFolder, MakeFile

VAE = original_layout.VAE
VAE_CHANNELS = list(SD1.vae["block_out_channels"])


def open_file(path: Path, kind: Kind = Kind.SD1, **given: object) -> FileParts:
    tiny_model.write_json(settings.settings_path(path), given)
    return FileParts(path, safetensors_files.read_header(path), kind, settings.read(path))


def only(prefix: str, new_prefix: str) -> Callable[[Weights], None]:
    def keep(weights: Weights) -> None:
        own = {
            new_prefix + name.removeprefix(prefix): each for name, each in weights.items() if name.startswith(prefix)
        }
        weights.clear()
        weights.update(own)

    return keep


def wide_autoencoder() -> Weights:
    """The weights of an autoencoder with the usual groups."""
    weights: Weights = diffusers.AutoencoderKL(
        block_out_channels=(32, 32, 64, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    ).state_dict()
    return weights


def test_a_part_of_the_file_has_the_configuration_beside_it(file_of: MakeFile, folder_of: GetFolder) -> None:
    path = file_of("sd15")
    found = parts.find(open_file(path), "vae")
    assert found is not None
    assert found.config == tiny_model.read_json(folder_of("sd15") / "vae/config.json")
    assert (found.weights, found.dtype) == (path, "float32")


@pytest.mark.parametrize(
    "change",
    [lambda _: None, only(VAE, ""), only(VAE, "vae.")],
    ids=["a whole model", "original keys", "another prefix"],
)
def test_an_autoencoder_may_be_named_as_a_file(
    change: Callable[[Weights], None], file_of: MakeFile, tmp_path: Path
) -> None:
    other = tmp_path / "other.safetensors"
    weights = {VAE + name: each for name, each in original_layout.autoencoder(wide_autoencoder(), 4).items()}
    change(weights)
    original_layout.save(weights, other)
    found = parts.find(open_file(file_of("sd15"), vae="other.safetensors"), "vae")
    assert found is not None
    assert found.weights == other
    # The configuration beside the model is its own autoencoder's, and that of the other is read from its shapes.
    assert found.config["block_out_channels"] == [32, 32, 64, 64]
    assert found.config["sample_size"] == 512


def test_a_file_whose_sizes_are_not_known_must_be_a_folder(file_of: MakeFile, tmp_path: Path) -> None:
    other = file_of("sd15", only(VAE, ""), stem="other")
    sentence = (
        f"{other}: its vae has {VAE_CHANNELS} channels, which are no multiples of 32. If that is as it should be, name "
        "a folder that has the vae with its config.json instead of the file."
    )
    with pytest.raises(ModelLoadError, match=f"^{re.escape(sentence)}$"):
        parts.find(open_file(file_of("sd15"), vae="other.safetensors"), "vae")


def test_an_autoencoder_may_be_named_as_a_folder(file_of: MakeFile, folder_of: GetFolder) -> None:
    folder = folder_of("sdxl")
    for named in (folder, folder / "vae"):
        found = parts.find(open_file(file_of("sd15"), vae=str(named)), "vae")
        assert found is not None
        assert found.weights == folder / "vae/diffusion_pytorch_model.safetensors"
        assert found.config == tiny_model.read_json(folder / "vae/config.json")


def test_a_folder_without_weights_is_refused(file_of: MakeFile, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    sentence = f"{tmp_path}/empty is no folder of a vae: it needs config.json and diffusion_pytorch_model.safetensors."
    with pytest.raises(ModelLoadError, match=f"^{re.escape(sentence)}$"):
        parts.find(open_file(file_of("sd15"), vae="empty"), "vae")


def test_a_file_without_the_part_is_refused(file_of: MakeFile, tmp_path: Path) -> None:
    other = file_of("sd15", only(original_layout.UNET, original_layout.UNET), stem="other")
    with pytest.raises(ModelLoadError, match=rf"x\.darkroom\.json: {re.escape(str(other))} holds no vae\.$"):
        parts.find(open_file(file_of("sd15"), vae="other.safetensors"), "vae")


@pytest.mark.parametrize(
    ("stem", "given", "upcast"),
    [
        ("sdxl_vae", {}, True),
        ("sdxl_vae_fp16-fix", {}, False),
        ("sdxl-vae-fp16fix", {}, False),
        ("sdxl-vae-fp16fix", {"vae_upcast": True}, True),
        ("sdxl_vae", {"vae_upcast": False}, False),
    ],
)
def test_the_autoencoder_that_does_not_overflow_is_known_by_its_name(
    stem: str, given: dict[str, bool], upcast: bool, file_of: MakeFile
) -> None:
    path = file_of("sdxl")
    original_layout.save(original_layout.autoencoder(wide_autoencoder(), 4), path.with_name(f"{stem}.safetensors"))
    found = parts.find(open_file(path, Kind.SDXL, vae=f"{stem}.safetensors", **given), "vae")
    assert found is not None
    assert found.config["force_upcast"] is upcast


def test_the_refiner_takes_five_numbers_and_the_base_model_six(tmp_path: Path) -> None:
    encoder = {"projection_dim": 24}
    for kind, numbers in ((Kind.SDXL, 6), (Kind.SDXL_REFINER, 5)):
        file = FileParts(tmp_path / "x.safetensors", safetensors_files.Header({}, {}), kind, FileSettings())
        unet = {"projection_class_embeddings_input_dim": 24 + numbers * 8}
        fitted = parts.fit(file, {"unet": unet, "text_encoder_2": encoder})
        assert fitted["unet"]["addition_time_embed_dim"] == 8
