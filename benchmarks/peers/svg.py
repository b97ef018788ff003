"""Draws two kinds of charts as SVG text: lines of points, and horizontal bars. Does not know what the numbers mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_WIDTH: Final = 760
_PLOT: Final = (80, 50, 480, 300)
"""Left, top, width and height of the plot area."""
_COLORS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""The palette of Okabe and Ito, which people with color blindness can distinguish."""
_BAR_HEIGHT: Final = 30
_LABEL_WIDTH: Final = 250
_TICKS: Final = 5


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps values from 0 to `top` to pixels."""

    top: float
    start: float
    length: float

    def at(self, value: float) -> float:
        return self.start + self.length * value / self.top

    @property
    def ticks(self) -> list[float]:
        """Multiples of a round number (1, 2 or 5 times a power of ten), about `_TICKS` of them."""
        power = 10.0 ** math.floor(math.log10(self.top / _TICKS))
        step = min((power * digit for digit in (1, 2, 5, 10)), key=lambda step: abs(self.top / step - _TICKS))
        return [step * number for number in range(math.floor(self.top / step + 1e-9) + 1)]


def lines(title: str, series: Mapping[str, Sequence[tuple[float, float]]], *, x_label: str, y_label: str) -> str:
    """Returns a chart with one line per series. The x axis starts at 0; the y axis is from 0 to 1."""
    left, top, width, height = _PLOT
    x_values = [x for points in series.values() for x, _ in points]
    x_scale = _Scale(1.05 * max(x_values, default=1.0), left, width)
    y_scale = _Scale(1.0, top + height, -height)
    parts = [_text(left, 25, title, size=15), *_axes(x_scale, y_scale, x_label, y_label)]
    for number, (name, points) in enumerate(series.items()):
        color = _COLORS[number % len(_COLORS)]
        positions = [(x_scale.at(x), y_scale.at(y)) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in positions)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>' for x, y in positions]
        parts.append(f'<rect x="{left + width + 15}" y="{top + 22 * number}" width="12" height="12" fill="{color}"/>')
        parts.append(_text(left + width + 32, top + 22 * number + 11, name))
    return _document(parts, top + height + 55)


def bars(title: str, values: Mapping[str, float]) -> str:
    """Returns a chart with one labeled bar per value."""
    scale = _Scale(max(values.values(), default=1.0) or 1.0, _LABEL_WIDTH, _WIDTH - _LABEL_WIDTH - 60)
    parts = [_text(15, 25, title, size=15)]
    for number, (name, value) in enumerate(values.items()):
        y = 45 + number * (_BAR_HEIGHT + 8)
        end, middle = scale.at(value), y + _BAR_HEIGHT / 2 + 5
        parts.append(
            f'<rect x="{_LABEL_WIDTH}" y="{y}" width="{end - _LABEL_WIDTH:.1f}" height="{_BAR_HEIGHT}" '
            f'fill="{_COLORS[number % len(_COLORS)]}"/>'
        )
        parts.append(_text(_LABEL_WIDTH - 10, middle, name, anchor="end"))
        parts.append(_text(end + 6, middle, f"{value:.2f}"))
    return _document(parts, 50 + len(values) * (_BAR_HEIGHT + 8))


def _axes(x_scale: _Scale, y_scale: _Scale, x_label: str, y_label: str) -> list[str]:
    left, top, width, height = _PLOT
    bottom = top + height
    parts = [
        _text(left + width / 2, bottom + 42, x_label, anchor="middle"),
        f'<g transform="rotate(-90 25 {top + height / 2})">{_text(25, top + height / 2, y_label, anchor="middle")}</g>',
    ]
    parts += [_text(x_scale.at(value), bottom + 20, f"{value:.2g}", anchor="middle") for value in x_scale.ticks]
    for value in y_scale.ticks:
        y = y_scale.at(value)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + width}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(left - 8, y + 4, f"{value:.0%}", anchor="end"))
    return parts


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'


def _document(parts: Sequence[str], height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" font-family="sans-serif">\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
