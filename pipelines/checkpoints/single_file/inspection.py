"""Decides whether a model can be made of a single file, and of what. Reads the header, and at most one small tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pipelines.checkpoints.checkpoint import Checkpoint
from pipelines.checkpoints.dtypes import DtypeChoice
from pipelines.checkpoints.files import json_files, safetensors_files, scheduler_configs
from pipelines.checkpoints.files.safetensors_files import Header
from pipelines.checkpoints.single_file import parts, prediction, scheduler, settings, tokenizers
from pipelines.checkpoints.single_file.detection import kind_of_file
from pipelines.checkpoints.single_file.kinds import Kind
from pipelines.checkpoints.single_file.parts import FileParts, Part
from pipelines.checkpoints.single_file.prediction import V_PREDICTION, Prediction
from pipelines.checkpoints.sources import Source
from pipelines.errors import ModelLoadError
from pipelines.families.base import Family
from pipelines.families.registry import FAMILIES

_INDEX: Final = "model_index"
"""The entry of the configurations that tells of the whole model."""
_SCHEDULER: Final = "scheduler"
_SCHEDULER_CONFIG: Final = Path(_SCHEDULER, "scheduler_config.json")
_TOKENIZER: Final = "tokenizer"
_PART_LABELS: Final = {
    "vae": "autoencoder (VAE)",
    "text_encoder": "text encoder",
    "text_encoder_2": "second text encoder",
}


def inspect(source: Source, dtype: DtypeChoice = DtypeChoice()) -> Checkpoint:  # noqa: B008 -- frozen
    """Find the kind of the file, its parts and their configurations. Raises `ModelLoadError`."""
    path, files = source.path, source.files
    files.expect(path)
    header = safetensors_files.read_header(path)
    given = settings.read(path, files)
    kind, predicted = _find_kind(source, header, given)
    file = FileParts(path, header, kind, given, files)
    index = json_files.read_config(kind.configs / f"{_INDEX}.json", files)
    family = _find_family(index)
    found = _find_parts(file, family)
    scheduler_config, scheduler_notes = _find_scheduler(file, predicted)
    configs = parts.fit(file, {name: part.config for name, part in found.items()})
    parts.check_unet(file, configs[parts.UNET])
    tokens = {name: tokenizers.find(file, name, configs) for name in family.components if name.startswith(_TOKENIZER)}
    return Checkpoint(
        name=source.name,
        path=path,
        family=family,
        classes={name: family.components[name][index[name][1]] for name in (*tokens, *found)},
        configs={
            **configs,
            **{name: tokenizers.read_config(file, found_files) for name, found_files in tokens.items()},
            _SCHEDULER: scheduler_config,
            _INDEX: index,
        },
        weights={name: (part.weights,) for name, part in found.items()},
        support_files=tokens,
        single_file=path,
        files=files,
        ema=given.ema,
        dtype=dtype.resolve({"dtype": part.dtype} for part in found.values()),
        profile=given,
        notes=(f"{path.name} is a {kind.label} model.", *scheduler_notes, *_override_notes(file, found)),
    )


def _find_kind(source: Source, header: Header, given: settings.FileSettings) -> tuple[Kind, Prediction]:
    kind = kind_of_file.detect(source.path, header.tensors)
    predicted = prediction.find(source.path, header, kind, given.prediction_type, given.zero_terminal_snr, source.files)
    return (Kind.SD2_V if kind is Kind.SD2_BASE and predicted.type == V_PREDICTION else kind), predicted


def _find_family(index: Mapping[str, Any]) -> Family[Any]:
    found = FAMILIES.find(index["_class_name"])
    assert found is not None, "every kind with configurations has a family"
    return found()


def _find_parts(file: FileParts, family: Family[Any]) -> dict[str, Part]:
    names = [name for name in family.components if not name.startswith((_TOKENIZER, _SCHEDULER))]
    found = {name: part for name in names if (part := parts.find(file, name)) is not None}
    missing = [name for name in names if name not in found]
    if not missing:
        return found
    labels = " and no ".join(_PART_LABELS[name] for name in missing)
    fields = " and ".join(f'"{name}"' for name in missing)
    raise ModelLoadError(
        f"{file.path} is a {file.kind.label} model that has no {labels}. Name a file or folder that has it as {fields} "
        f"in {settings.settings_path(file.path).name} beside it."
    )


def _find_scheduler(file: FileParts, predicted: Prediction) -> tuple[dict[str, Any], list[str]]:
    """Read the scheduler's configuration beside the file, or make one. Returns it with all defaults, and notes."""
    own = settings.companion(file.path) / _SCHEDULER_CONFIG
    if own.is_file():
        asked = file.settings.prediction_type
        config = {**json_files.read_config(own, file.files), **({} if asked is None else {"prediction_type": asked})}
        return scheduler_configs.fill_in(own, config["_class_name"], config), []
    usual = file.kind.configs / _SCHEDULER_CONFIG
    few_steps = scheduler.find_few_steps(file.path.stem, predicted)
    config = scheduler.make(json_files.read_config(usual, file.files), predicted, few_steps)
    return scheduler_configs.fill_in(usual, config["_class_name"], config), list(
        _notes(file.path, predicted, few_steps)
    )


def _notes(path: Path, predicted: Prediction, few_steps: str | None) -> Iterator[str]:
    if predicted.evidence is not None:
        yield f"It predicts {predicted.type}, as {predicted.evidence} says."
    if prediction.name_contradicts(path, predicted):
        yield (
            "Its name says that it predicts v, but nothing in it does, so it is taken to predict noise (epsilon). If "
            f'its images are grey or noisy, write {{"prediction_type": "{V_PREDICTION}"}} into '
            f"{settings.settings_path(path).name} beside it."
        )
    if predicted.zero_terminal_snr:
        yield "Its noise ends at pure noise (zero terminal SNR)."
    if few_steps is not None:
        yield f"Its name says {few_steps}, so its defaults are few steps without guidance."


def _override_notes(file: FileParts, found: Mapping[str, Part]) -> Iterator[str]:
    for name, part in found.items():
        if part.weights != file.path:
            yield f"Its {_PART_LABELS[name]} is read from {part.weights}."
