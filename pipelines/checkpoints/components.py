"""Makes the parts of a model from their configurations and files, one after another.

A network is made without weights and then given each tensor as it is read, in the wanted dtype and on its device. So no
part is in memory twice, and no library chooses which files it opens.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import init_empty_weights
from safetensors import safe_open
from torch import Tensor

from pipelines.checkpoints.files.name_lists import first_few
from pipelines.errors import ModelLoadError
from pipelines.integrity.file_access import ANY_FILES, FileAccess

_MAX_MAPPED_BYTES: Final = 64 << 20
"""Bytes that are read before the file is mapped anew: pages that were read count as this process's memory."""
_OLD_ATTENTION: Final = {
    ".query.": ".to_q.",
    ".key.": ".to_k.",
    ".value.": ".to_v.",
    ".proj_attn.": ".to_out.0.",
}
"""Names in autoencoders that were saved before diffusers 0.18, and those of today."""
_TEXT_PREFIX: Final = "text_model."
"""A level that text encoders have in files of some versions of transformers, and not in others."""


def load_tokenizer(
    folder: Path, component_class: Any, files: Mapping[str, Path], access: FileAccess = ANY_FILES
) -> Any:
    """Load a tokenizer from copies of its files. `folder` is for messages. Raises `ModelLoadError`.

    The library sees a folder with nothing else in it, and the files cannot change while it reads them.
    """
    with tempfile.TemporaryDirectory(prefix="darkroom-") as private:
        try:
            for name, path in files.items():
                Path(private, name).write_bytes(access.read(path))
            return component_class.from_pretrained(private, local_files_only=True)
        except Exception as error:  # The library raises many kinds of errors for a broken file.
            raise _broken(folder, error) from error


def load_network(
    path: Path,
    component_class: Any,
    config: Mapping[str, Any],
    tensors: Iterable[tuple[str, Tensor]],
    dtype: torch.dtype,
) -> torch.nn.Module:
    """Make a network of that configuration with these weights. `path` is for messages. Raises `ModelLoadError`.

    Tensors that the network has no place for are left out. `read_tensors` reads them from files.
    """
    network = _make_empty(path, component_class, config, dtype)
    places = dict(network.named_parameters()) | dict(network.named_buffers())
    missing = set(network.state_dict())
    for name, tensor in tensors:
        place = _find_place(path, name, tensor.shape, places)
        if place is not None:
            _put(network, place, tensor)
            missing.discard(place)
    _check_complete(path, missing)
    return network.requires_grad_(False).eval()


def check_weights(
    path: Path, component_class: Any, config: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]
) -> None:
    """Refuse weights of these names and shapes as `load_network` would, without reading them."""
    network = _make_empty(path, component_class, config, torch.float32)
    places = dict(network.named_parameters()) | dict(network.named_buffers())
    found = {_find_place(path, name, shape, places) for name, shape in shapes.items()}
    _check_complete(path, set(network.state_dict()) - found)


def _check_complete(path: Path, missing: Collection[str]) -> None:
    if missing:
        raise ModelLoadError(f"{path} lacks weights that the part's configuration asks for: {first_few(missing)}.")


def read_tensors(
    paths: Sequence[Path], dtype: torch.dtype, device: torch.device, names: Collection[str] | None = None
) -> Iterator[tuple[str, Tensor]]:
    """Read the tensors of safetensors files with these names, or all, in turn.

    Numbers with a fraction are converted to the dtype.
    """
    for path in paths:
        try:
            yield from _read_file(path, dtype, device, names)
        except Exception as error:  # The library has its own kinds of errors.
            raise _broken(path, error) from error


def _read_file(
    path: Path, dtype: torch.dtype, device: torch.device, names: Collection[str] | None
) -> Iterator[tuple[str, Tensor]]:
    with safe_open(path, framework="pt") as file:
        left = [name for name in file.offset_keys() if names is None or name in names]
    while left:
        mapped_bytes = 0
        with safe_open(path, framework="pt") as file:
            while left and mapped_bytes < _MAX_MAPPED_BYTES:
                name = left.pop(0)
                tensor = file.get_tensor(name)
                mapped_bytes += tensor.nbytes
                yield name, tensor.to(device, dtype if tensor.is_floating_point() else tensor.dtype, copy=True)
                del tensor


def _make_empty(path: Path, component_class: Any, config: Mapping[str, Any], dtype: torch.dtype) -> torch.nn.Module:
    """Make a network whose parameters take no memory."""
    try:
        with init_empty_weights(include_buffers=False):
            if hasattr(component_class, "config_class"):  # a class of transformers
                own = component_class.config_class.from_dict({**config, "dtype": dtype})
                network = component_class(own)
            else:
                network = component_class.from_config(dict(config))
    except Exception as error:  # The libraries raise many kinds of errors.
        raise _broken(path, error) from error
    assert isinstance(network, torch.nn.Module)
    return network


def _find_place(path: Path, name: str, shape: Sequence[int], places: Mapping[str, Tensor]) -> str | None:
    """Return the network's name for a weight, or None if it has no place for it."""
    place = _find_name(name, places)
    if place is not None and tuple(places[place].shape) != tuple(shape):
        raise ModelLoadError(
            f"{path}: {name} has the shape {list(shape)}, but the part's configuration asks for "
            f"{list(places[place].shape)}. The configuration belongs to another model."
        )
    return place


def _find_name(name: str, places: Collection[str]) -> str | None:
    candidates = [name, name.removeprefix(_TEXT_PREFIX), _TEXT_PREFIX + name]
    candidates += [name.replace(old, new) for old, new in _OLD_ATTENTION.items() if old in name]
    return next((each for each in candidates if each in places), None)


def _put(network: torch.nn.Module, place: str, tensor: Tensor) -> None:
    owner_name, _, name = place.rpartition(".")
    owner = network.get_submodule(owner_name)
    is_buffer = name in dict(owner.named_buffers(recurse=False))
    setattr(owner, name, tensor if is_buffer else torch.nn.Parameter(tensor, requires_grad=False))


def _broken(path: Path, error: Exception) -> ModelLoadError:
    if isinstance(error, ModelLoadError):
        return error
    return ModelLoadError(f"{path} cannot be loaded: {(str(error).splitlines() or [type(error).__name__])[0]}")
