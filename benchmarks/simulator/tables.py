"""Cost tables of the simulated device: two built-in ones, or one that a server has measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from pipelines.fake import INFO
from pipelines.interface import CostKey, Stage
from service.engine.costs.cost_table import CostTable, KeyCost, Point
from service.engine.types import Size

ROWS: Final = (1, 2, 4, 8, 16, 32)
IMAGES: Final = (1, 2, 4)
TEXTS: Final = (1, 2, 4, 8, 16)
_WEIGHT: Final = 10.0
"""Weight of a point: as if it had been measured ten times."""


def load_table(name: str) -> CostTable:
    """Returns the table `cpu` or `gpu`, or loads a JSON file that `service.engine.costs.cost_cache` wrote."""
    return TABLES[name] if name in TABLES else msgspec.json.decode(Path(name).read_bytes(), type=CostTable)


def sizes(table: CostTable) -> tuple[Size, ...]:
    """Returns the image sizes of the table."""
    return tuple((cost.key.width, cost.key.height) for cost in table.costs if cost.key.stage is Stage.DENOISE)


def _cost(key: CostKey, counts: Iterable[int], seconds: Callable[[int], float]) -> KeyCost:
    return KeyCost(key, tuple(Point(count, seconds(count), _WEIGHT) for count in counts), None)


def _cpu(size: Size, calls_s: tuple[float, ...], image_s: float) -> tuple[KeyCost, ...]:
    by_rows = dict(zip(ROWS, calls_s, strict=False))
    return (
        _cost(CostKey(Stage.DENOISE, *size, model=INFO.name), by_rows, by_rows.__getitem__),
        _cost(CostKey(Stage.DECODE, *size, model=INFO.name), IMAGES, lambda images: images * image_s),
    )


def _gpu(size: Size, flat_rows: float) -> tuple[KeyCost, ...]:
    """Returns costs of 25 ms per call up to `flat_rows` rows, and proportional to the rows beyond."""
    call_s = 0.025
    return (
        _cost(CostKey(Stage.DENOISE, *size, model=INFO.name), ROWS, lambda rows: call_s * max(1.0, rows / flat_rows)),
        _cost(
            CostKey(Stage.DECODE, *size, model=INFO.name),
            IMAGES,
            lambda images: call_s * (0.5 + 2.0 * images / flat_rows),
        ),
    )


def _texts(text_s: float) -> KeyCost:
    return _cost(CostKey(Stage.TEXT, model=INFO.name), TEXTS, lambda texts: texts * text_s)


TABLES: Final = {
    # The bundled model on one core of a two-core machine; medians of the CPU time of five calls.
    "cpu": CostTable(
        (
            *_cpu((128, 128), (0.021, 0.032, 0.042, 0.066, 0.116), 0.032),
            *_cpu((160, 96), (0.021, 0.029, 0.046, 0.064, 0.110), 0.027),
            *_cpu((96, 160), (0.021, 0.030, 0.045, 0.068, 0.110), 0.028),
            _texts(0.005),
        )
    ),
    # A large accelerator: launch overhead dominates small calls, arithmetic dominates large ones.
    "gpu": CostTable((*_gpu((512, 512), 8.0), *_gpu((768, 512), 5.0), *_gpu((512, 768), 5.0), _texts(0.003))),
}
