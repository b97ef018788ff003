"""Scores a model folder: generates images for prompts of several categories and grades them.

The prompts and seeds depend on the category's name and the prompt's number only, so all models get the same ones.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from diffusers import AutoencoderKL
from tqdm import tqdm

from pipelines.interface import Pipeline, RgbImage, finish_or_raise
from pipelines.params import GenerationParams
from pipelines.training.evaluation.image_grader import matches, read_scene
from pipelines.training.scenes import domain
from pipelines.training.scenes.captions import Mention, PromptSpec, colors_for, plain_prompt
from pipelines.training.scenes.drawing import Pixels, draw
from pipelines.training.scenes.scene import Scene, random_scene
from pipelines.training.stages.autoencoder import to_tensor

BATCH: Final = 8
"""Images that are generated together."""

AnyPipeline = Pipeline[Any, Any, Any]


def _mention(rng: random.Random, background: str | None = None, *, held_out: bool = False) -> Mention:
    while True:
        color, shape = rng.choice(colors_for(background)), rng.choice(domain.SHAPES)
        if ((color, shape) in domain.HELD_OUT) == held_out:
            return Mention(shape, color)


def _two(rng: random.Random, relation: str | None, *, held_out: bool = False) -> PromptSpec:
    first, second = _mention(rng, held_out=held_out), _mention(rng)
    while first == second:
        second = _mention(rng)
    return PromptSpec((first, second), 2, None, relation)


def _relation(rng: random.Random) -> str:
    return rng.choice(("left", "right", "above", "below"))


def _background(rng: random.Random) -> PromptSpec:
    background = rng.choice(list(domain.BACKGROUNDS))
    return PromptSpec((_mention(rng, background),), background=background)


CATEGORIES: Final[Mapping[str, Callable[[random.Random], PromptSpec]]] = {
    "single": lambda rng: PromptSpec((_mention(rng),)),
    "size": lambda rng: PromptSpec((_mention(rng),), size=rng.choice(("small", "large"))),
    "background": _background,
    "count": lambda rng: PromptSpec((_mention(rng),), count=rng.choice((2, 3, 4))),
    "two": lambda rng: _two(rng, None),
    "relation": lambda rng: _two(rng, _relation(rng)),
    "held-out single": lambda rng: PromptSpec((_mention(rng, held_out=True),)),
    "held-out relation": lambda rng: _two(rng, _relation(rng), held_out=True),
}


def evaluation_specs(category: str, count: int) -> list[PromptSpec]:
    """Returns the first `count` specs of a category, the same at every call."""
    return [CATEGORIES[category](random.Random(f"{category}/{index}")) for index in range(count)]


def score(pipeline: AnyPipeline, category: str, count: int, width: int, height: int) -> float:
    """Returns the share of `count` prompts whose image matches, with the model's default parameters."""
    specs = evaluation_specs(category, count)
    params = [
        default_params(pipeline, plain_prompt(spec), seed=seed, width=width, height=height)
        for seed, spec in enumerate(specs)
    ]
    images = tqdm(render(pipeline, params), total=count, desc=f"{category} {width}x{height}", mininterval=5)
    right = [matches(read_scene(to_pixels(image)), spec) for image, spec in zip(images, specs, strict=True)]
    return sum(right) / count


def default_params(pipeline: AnyPipeline, prompt: str, *, seed: int, width: int, height: int) -> GenerationParams:
    """Returns the parameters of a request that leaves everything else to the model's defaults."""
    info = pipeline.info
    return GenerationParams(
        prompt=prompt,
        width=width,
        height=height,
        steps=info.default_steps,
        guidance_scale=info.default_guidance_scale,
        seed=seed,
        sampler=info.default_sampler,
    )


def render(pipeline: AnyPipeline, params: Sequence[GenerationParams]) -> Iterator[RgbImage]:
    """Yields the images in order, generating `BATCH` at a time."""
    for start in range(0, len(params), BATCH):
        yield from pipeline.decode(denoise(pipeline, params[start : start + BATCH]))


def denoise(pipeline: AnyPipeline, params: Sequence[GenerationParams]) -> list[Any]:
    """Runs all images together and returns their states after the last step."""
    texts = [pipeline.texts(one) for one in params]
    encoded = iter(pipeline.encode(list(itertools.chain.from_iterable(texts))))
    states = [
        pipeline.begin(one, list(itertools.islice(encoded, len(own)))) for one, own in zip(params, texts, strict=True)
    ]
    while running := [state for state in states if state.next_call is not None]:
        finish_or_raise(pipeline.advance(running, pipeline.predict(running)))
    return states


def reconstruction_score(autoencoder: AutoencoderKL, count: int, width: int, height: int) -> float:
    """Returns the share of `count` unseen scenes that the grader recognizes after encoding and decoding them.

    A perfect UNet could reach this score.
    """
    right = 0
    for index in tqdm(range(count), desc=f"autoencoder {width}x{height}", mininterval=5):
        scene = random_scene(random.Random(f"unseen/{width}x{height}/{index}"), width, height)
        with torch.inference_mode():
            latents = autoencoder.encode(to_tensor(draw(scene)[None])).latent_dist.mode()
            decoded = autoencoder.decode(latents).sample[0].clamp(-1, 1)
        right += _summary(read_scene(((decoded + 1) * 127.5).round().byte().permute(1, 2, 0).numpy())) == _summary(
            scene
        )
    return right / count


def _summary(scene: Scene) -> tuple[str, str, Counter[tuple[str, str]]]:
    return scene.background, scene.size, Counter((item.color, item.shape) for item in scene.objects)


def to_pixels(rgb_image: RgbImage) -> Pixels:
    return np.frombuffer(rgb_image.pixels, dtype=np.uint8).reshape(rgb_image.height, rgb_image.width, 3)
