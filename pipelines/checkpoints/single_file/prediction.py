"""Tells what a single file's UNet predicts, noise or v, and whether its noise ends at pure noise (zero terminal SNR).

A file need not say either. The sources, in order of trust, are the user's settings, markers in the keys, the metadata,
an A1111 sidecar, and for Stable Diffusion 2.x a statistic of the weights.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipelines.checkpoints.files.safetensors_files import Header
from pipelines.checkpoints.single_file.detection.kind_of_file import unet_prefix
from pipelines.checkpoints.single_file.kinds import Kind
from pipelines.integrity.file_access import ANY_FILES, FileAccess

EPSILON: Final = "epsilon"
V_PREDICTION: Final = "v_prediction"

_V_KEY: Final = "v_pred"
_ZERO_SNR_KEY: Final = "ztsnr"
_METADATA_KEY: Final = "modelspec.prediction_type"
_METADATA_VALUES: Final = {"epsilon": EPSILON, "v": V_PREDICTION, "v_prediction": V_PREDICTION}
_PARAMETERIZATION: Final = re.compile(r"^\s*parameterization:\s*[\"']?(\w+)", re.MULTILINE)
_SIDECAR_VALUES: Final = {"eps": EPSILON, "v": V_PREDICTION}
_NAME_OF_V: Final = re.compile(r"v[-_ .]?pred", re.IGNORECASE)
_MAX_SIDECAR_BYTES: Final = 1 << 20

_NORM: Final = re.compile(r"output_blocks\.(\d+)\.1\.transformer_blocks\.0\.norm1\.bias")
_V_SPREAD: Final = 0.09
"""Models of Stable Diffusion 2.x that predict v have a wider spread in the last of these biases; the figure is that of
ComfyUI (comfy/supported_models.py)."""
_NUMBERS: Final = {"F16": ("e", 2), "F32": ("f", 4), "F64": ("d", 8)}
"""The format and size in bytes of the number types of safetensors that `struct` knows. BF16 is the half of an F32."""


@dataclass(frozen=True, slots=True)
class Prediction:
    type: str
    """epsilon or v_prediction."""
    zero_terminal_snr: bool
    evidence: str | None
    """The evidence, in words for people. None if there is none, and the prediction is the usual one of its kind."""


def name_contradicts(path: Path, prediction: Prediction) -> bool:
    """Whether the file's name says that the UNet predicts v, and nothing else says what it predicts.

    Names are not believed: models are renamed, and merged with others.
    """
    says_v = _NAME_OF_V.search(path.stem) is not None
    return says_v and prediction.evidence is None and prediction.type == EPSILON


def find(
    path: Path,
    header: Header,
    kind: Kind,
    asked: str | None,
    asked_zero_snr: bool | None,
    files: FileAccess = ANY_FILES,
) -> Prediction:
    """Find what the UNet predicts. `asked` and `asked_zero_snr` are the user's settings, which go before all else."""
    found, evidence = _find_type(path, header, kind, asked, files)
    zero_snr = _ZERO_SNR_KEY in header.tensors if asked_zero_snr is None else asked_zero_snr
    return Prediction(found, zero_snr, evidence)


def _find_type(path: Path, header: Header, kind: Kind, asked: str | None, files: FileAccess) -> tuple[str, str | None]:
    sidecar = path.with_suffix(".yaml")
    statements = (
        (asked, "its settings file"),
        (V_PREDICTION if _V_KEY in header.tensors else None, f"its key {_V_KEY}"),
        (_METADATA_VALUES.get(header.metadata.get(_METADATA_KEY, "")), f"its metadata ({_METADATA_KEY})"),
        (_read_sidecar(sidecar, files), sidecar.name),
    )
    stated = next(((found, evidence) for found, evidence in statements if found is not None), None)
    if stated is not None:
        return stated
    spread = _spread(path, header) if kind is Kind.SD2_BASE else None
    return (V_PREDICTION, "the spread of its weights") if spread is not None and spread > _V_SPREAD else (EPSILON, None)


def _read_sidecar(path: Path, files: FileAccess) -> str | None:
    """Read `parameterization` of the configuration that A1111 takes from beside a file."""
    try:
        if path.stat().st_size > _MAX_SIDECAR_BYTES:
            return None
        found = _PARAMETERIZATION.search(files.read(path).decode(errors="replace"))
    except OSError:
        return None
    return _SIDECAR_VALUES.get(found[1]) if found else None


def _spread(path: Path, header: Header) -> float | None:
    """Return the standard deviation of the bias of the UNet's last attention, or None if it has no such bias."""
    prefix = unet_prefix(header.tensors)
    places = {
        int(found[1]): name for name in header.tensors if (found := _NORM.fullmatch(name.removeprefix(prefix or "")))
    }
    if not places:
        return None
    values = _read_numbers(path, header, places[max(places)])
    mean = sum(values) / len(values)
    return float((sum((each - mean) ** 2 for each in values) / max(1, len(values) - 1)) ** 0.5)


def _read_numbers(path: Path, header: Header, name: str) -> list[float]:
    tensor = header.tensors[name]
    begin, end = tensor.data_offsets
    with path.open("rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
        file.seek(start + begin)
        content = file.read(end - begin)
    if tensor.dtype == "BF16":
        return [struct.unpack("<f", b"\0\0" + content[at : at + 2])[0] for at in range(0, len(content), 2)]
    letter, size = _NUMBERS[tensor.dtype]
    return list(struct.unpack(f"<{len(content) // size}{letter}", content))
