"""The measurements as a Markdown table: medians over the rounds, and medians of the ratios of two versions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from benchmarks.store.parts.stage import Figures

Measurements: TypeAlias = Mapping[str, Mapping[str, Sequence[Figures]]]
"""The figures of each round, by part and version."""

OF_ONE = "servers together, as a share of one"


def table(measured: Measurements, versions: Sequence[str]) -> str:
    """Returns the table. Its ratio compares the last version with the first one; with a single one there is none."""
    compared = ["ratio"] if len(versions) > 1 else []
    columns = ["part", "figure", *versions, *compared]
    lines = [f"| {' | '.join(columns)} |", "|---|---|" + "---:|" * (len(columns) - 2)]
    for part, by_version in measured.items():
        for name in _names(by_version):
            values = [[figures[name] for figures in by_version[each] if name in figures] for each in versions]
            cells = [_median(each) for each in values] + ([_ratio(values[0], values[-1])] if compared else [])
            lines.append(f"| {' | '.join([part, name, *cells])} |")
    return "\n".join(lines)


def with_shares(measured: Measurements, servers: int, names: Sequence[str]) -> Measurements:
    """Adds how much more so many servers do than one, by the figures of these names, to their parts."""
    return {
        part: {version: list(_shares(measured, part, version, servers, names)) for version in by_version}
        for part, by_version in measured.items()
    }


def titled(part: str, servers: int) -> str:
    """Returns the title of a part that was measured with so many servers."""
    return part if servers == 1 else f"{part}, {servers} servers"


def _shares(measured: Measurements, part: str, version: str, servers: int, names: Sequence[str]) -> Iterator[Figures]:
    alone = part.removesuffix(titled("", servers))
    for number, figures in enumerate(measured[part][version]):
        own = dict(figures)
        for name in names:
            if alone != part and name in figures:
                own[f"{name}, {OF_ONE}"] = figures[name] / measured[alone][version][number][name]
        yield own


def _names(by_version: Mapping[str, Sequence[Figures]]) -> list[str]:
    """Returns the names of all figures, in the order in which they were measured."""
    return list(dict.fromkeys(name for rounds in by_version.values() for figures in rounds for name in figures))


def _ratio(before: Sequence[float], now: Sequence[float]) -> str:
    ratios = [each / then for then, each in zip(before, now, strict=False) if then and math.isfinite(each / then)]
    return f"{statistics.median(ratios):.2f}x" if ratios else ""


def _median(values: Sequence[float]) -> str:
    return spell(statistics.median(values)) if values else ""


def spell(value: float) -> str:
    """Returns the number with three digits or more."""
    if math.isnan(value):
        return "none"
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
