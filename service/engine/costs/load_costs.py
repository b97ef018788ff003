"""Learns from measured loads how long a model takes to load.

Runs in the worker's process; pure. A load is the work of a disk and a bus, so it says nothing about the device's speed
and is learned apart from the calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_BYTES_PER_S: Final = MappingProxyType({"disk": 5e8, "host": 5e9})
"""Bytes per second before any measurement: of a busy disk with checksums, and of a bus from unpinned memory."""
_PRIOR_S: Final = 2.0
"""Seconds of assumed loading at that speed."""
_DECAY: Final = 0.8
"""Factor on earlier measurements with each further load."""


class LoadCosts:
    """Learns seconds by model and source: `disk`, or the memory of the `host`."""

    def __init__(self, bytes_per_s: Mapping[str, float] = _BYTES_PER_S) -> None:
        self._loaded = {source: (speed * _PRIOR_S, _PRIOR_S) for source, speed in bytes_per_s.items()}
        """Bytes and seconds of the loads from each source; old loads count less."""
        self._known: dict[tuple[str, str], float] = {}
        """Mean seconds of the loads of each model from each source."""

    def seconds(self, model: str, source: str, size_bytes: int) -> float:
        """Returns the measured seconds of this model's loads, or an estimate from its bytes where there was none."""
        loaded_bytes, passed_s = self._loaded[source]
        return self._known.get((model, source), size_bytes * passed_s / loaded_bytes)

    def learn(self, model: str, source: str, size_bytes: int, seconds: float) -> None:
        """Learns a load that succeeded."""
        loaded_bytes, passed_s = self._loaded[source]
        self._loaded[source] = (_DECAY * loaded_bytes + size_bytes, _DECAY * passed_s + seconds)
        key = model, source
        self._known[key] = seconds if key not in self._known else _DECAY * self._known[key] + (1 - _DECAY) * seconds
