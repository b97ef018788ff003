"""Chooses the dtype in which a model is loaded. Torch-free: dtypes are names, such as float16."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipelines.errors import ModelLoadError

DTYPES: Final = ("float32", "float16", "bfloat16")


@dataclass(frozen=True, slots=True)
class DtypeChoice:
    """The dtype that a user asked for, and what the device can do."""

    asked: str = "auto"
    """auto, or one of `DTYPES`."""
    half_dtypes: frozenset[str] = frozenset()
    """The half-precision dtypes with which the device computes. Empty for a CPU."""

    def __post_init__(self) -> None:
        if self.asked not in ("auto", *DTYPES):
            raise ModelLoadError(f"The dtype must be auto or one of {', '.join(DTYPES)}.")

    def resolve(self, configs: Iterable[Mapping[str, Any]]) -> str:
        """Return the dtype for a model whose parts have these configurations.

        Auto is float32 for a CPU; for a GPU float16, or bfloat16 if a part was saved in it: a model that was trained in
        bfloat16 may overflow in float16.
        """
        if self.asked != "auto":
            return self.asked
        if "bfloat16" in self.half_dtypes and any(_saved_dtype(config) == "bfloat16" for config in configs):
            return "bfloat16"
        return "float16" if "float16" in self.half_dtypes else "float32"


def _saved_dtype(config: Mapping[str, Any]) -> str:
    named = config.get("dtype") or config.get("torch_dtype")
    return str(named or "").removeprefix("torch.")
