"""Measures what each upscaler of the hires fix does to the bundled model's scenes.

Each scene is made in one pass at the final size, and in two passes with each upscaler and strength. The grader of the
training counts how many show what the prompt says, and the sharpness is the mean gradient of the pixels.

Run: python -m benchmarks.upscalers --scenes 24 --strengths 0.5 0.7
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from pipelines.checkpoints import loader
from pipelines.interface import UPSCALE, RgbImage, finish_or_raise
from pipelines.params import GenerationParams, HiresFix
from pipelines.training.evaluation.image_grader import matches, read_scene
from pipelines.training.evaluation.scores import AnyPipeline, default_params, evaluation_specs, to_pixels
from pipelines.training.scenes.captions import PromptSpec, plain_prompt
from pipelines.upscalers import UPSCALERS

_CATEGORIES: Final = ("single", "count", "relation")
_FIRST: Final = 128
_FINAL: Final = 192
_STEPS: Final = 20


@dataclass(frozen=True, slots=True)
class Effect:
    """The result of one way to make the scenes."""

    name: str
    right: float
    """Share of the scenes that show what their prompt says."""
    sharpness: float
    """Mean absolute difference of neighboring pixels, in levels of 255."""


def scenes(count: int) -> list[PromptSpec]:
    """Return that many scenes, of all categories in turn."""
    by_category = [evaluation_specs(category, -(-count // len(_CATEGORIES))) for category in _CATEGORIES]
    return [spec for specs in zip(*by_category, strict=True) for spec in specs][:count]


def measure(pipeline: AnyPipeline, specs: Sequence[PromptSpec], strengths: Sequence[float]) -> Iterator[Effect]:
    """Yield the effect of one pass at the first and at the final size, and of two with each upscaler and strength."""
    final = [
        default_params(pipeline, plain_prompt(spec), seed=seed, width=_FINAL, height=_FINAL)
        for seed, spec in enumerate(specs)
    ]
    yield _effect(f"one pass, {_FINAL}x{_FINAL}", pipeline, final, specs)
    small = [replace(params, width=_FIRST, height=_FIRST) for params in final]
    yield _effect(f"one pass, {_FIRST}x{_FIRST}", pipeline, small, specs)
    for upscaler, strength in itertools.product(UPSCALERS, strengths):
        hires = HiresFix(width=_FIRST, height=_FIRST, steps=_STEPS, strength=strength, upscaler=upscaler)
        twice = [replace(params, hires=hires) for params in final]
        yield _effect(f"{upscaler}, strength {strength:g}", pipeline, twice, specs)


def _effect(
    name: str, pipeline: AnyPipeline, params: Sequence[GenerationParams], specs: Sequence[PromptSpec]
) -> Effect:
    images = [np.asarray(to_pixels(image)) for image in render(pipeline, params)]
    right = [matches(read_scene(image), spec) for image, spec in zip(images, specs, strict=True)]
    sharpness = [np.abs(np.diff(image.astype(float), axis=1)).mean() for image in images]
    return Effect(name, sum(right) / len(right), float(np.mean(sharpness)))


def render(pipeline: AnyPipeline, params: Sequence[GenerationParams]) -> list[RgbImage]:
    """Make all images in shared calls."""
    texts = list(dict.fromkeys(text for each in params for text in pipeline.texts(each)))
    known = dict(zip(texts, pipeline.encode(texts), strict=True))
    states = [pipeline.begin(each, [known[text] for text in pipeline.texts(each)]) for each in params]
    while running := [state for state in states if state.next_call is not None]:
        if running[0].next_call.key.phase == UPSCALE:
            pipeline.upscale(running)
        else:
            finish_or_raise(pipeline.advance(running, pipeline.predict(running)))
    return pipeline.decode(states)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upscalers", description=__doc__)
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.5, 0.7])
    arguments = parser.parse_args()
    print("| made with | right | sharpness |\n|---|---|---|")
    for effect in measure(loader.load(str(loader.bundled_model_path())), scenes(arguments.scenes), arguments.strengths):
        print(f"| {effect.name} | {effect.right:.0%} | {effect.sharpness:.2f} |", flush=True)


if __name__ == "__main__":
    main()
