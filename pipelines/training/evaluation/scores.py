"""How well a model folder draws what it is asked: prompts by category, images by the served pipeline, read back.

A category's prompts and seeds are fixed by its name and number, so two models are asked the same.
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

from pipelines.interface import Pipeline, RgbImage
from pipelines.params import GenerationParams
from pipelines.training.evaluation.image_grader import read, shows
from pipelines.training.scenes import world
from pipelines.training.scenes.captions import Ask, Mention, colours_for, plain_words
from pipelines.training.scenes.drawing import Pixels, draw
from pipelines.training.scenes.scene import Scene, random_scene
from pipelines.training.stages.autoencoder import to_tensor

BATCH: Final = 8

AnyPipeline = Pipeline[Any, Any, Any]


def _mention(rng: random.Random, background: str | None = None, *, held_out: bool = False) -> Mention:
    while True:
        colour, shape = rng.choice(colours_for(background)), rng.choice(world.SHAPES)
        if ((colour, shape) in world.HELD_OUT) == held_out:
            return Mention(shape, colour)


def _two(rng: random.Random, relation: str | None, *, held_out: bool = False) -> Ask:
    first, second = _mention(rng, held_out=held_out), _mention(rng)
    while first == second:
        second = _mention(rng)
    return Ask((first, second), 2, None, relation)


def _relation(rng: random.Random) -> str:
    return rng.choice(("left", "right", "above", "below"))


def _background(rng: random.Random) -> Ask:
    ground = rng.choice(list(world.BACKGROUNDS))
    return Ask((_mention(rng, ground),), background=ground)


CATEGORIES: Final[Mapping[str, Callable[[random.Random], Ask]]] = {
    "single": lambda rng: Ask((_mention(rng),)),
    "size": lambda rng: Ask((_mention(rng),), size=rng.choice(("small", "large"))),
    "background": _background,
    "count": lambda rng: Ask((_mention(rng),), count=rng.choice((2, 3, 4))),
    "two": lambda rng: _two(rng, None),
    "relation": lambda rng: _two(rng, _relation(rng)),
    "held-out single": lambda rng: Ask((_mention(rng, held_out=True),)),
    "held-out relation": lambda rng: _two(rng, _relation(rng), held_out=True),
}


def asks(category: str, count: int) -> list[Ask]:
    return [CATEGORIES[category](random.Random(f"{category}/{index}")) for index in range(count)]


def score(pipeline: AnyPipeline, category: str, count: int, width: int, height: int) -> float:
    """Share of `count` prompts whose image shows what was asked, with the served defaults."""
    wanted = asks(category, count)
    params = [
        served(pipeline, plain_words(ask), seed=seed, width=width, height=height) for seed, ask in enumerate(wanted)
    ]
    images = tqdm(render(pipeline, params), total=count, desc=f"{category} {width}x{height}", mininterval=5)
    right = [shows(read(pixels_of(image)), ask) for image, ask in zip(images, wanted, strict=True)]
    return sum(right) / count


def served(pipeline: AnyPipeline, prompt: str, *, seed: int, width: int, height: int) -> GenerationParams:
    """What a request that names no more than this gets."""
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
    """The images in order, a fixed few at a time."""
    for start in range(0, len(params), BATCH):
        yield from pipeline.decode(denoised(pipeline, params[start : start + BATCH]))


def denoised(pipeline: AnyPipeline, params: Sequence[GenerationParams]) -> list[Any]:
    """The images' states after their last step, all run together."""
    encoded = iter(pipeline.encode([text for one in params for text in one.texts]))
    states = [pipeline.begin(one, list(itertools.islice(encoded, len(one.texts)))) for one in params]
    while running := [state for state in states if state.next_call is not None]:
        for state, output in zip(running, pipeline.predict(running), strict=True):
            pipeline.advance(state, output)
    return states


def survives(autoencoder: AutoencoderKL, count: int, width: int, height: int) -> float:
    """Share of `count` unseen scenes whose drawing still shows what it did once the autoencoder has coded and decoded
    it: what a perfect UNet could reach."""
    right = 0
    for index in tqdm(range(count), desc=f"autoencoder {width}x{height}", mininterval=5):
        scene = random_scene(random.Random(f"unseen/{width}x{height}/{index}"), width, height)
        with torch.inference_mode():
            latents = autoencoder.encode(to_tensor(draw(scene)[None])).latent_dist.mode()
            decoded = autoencoder.decode(latents).sample[0].clamp(-1, 1)
        right += _contents(read(((decoded + 1) * 127.5).round().byte().permute(1, 2, 0).numpy())) == _contents(scene)
    return right / count


def _contents(scene: Scene) -> tuple[str, str, Counter[tuple[str, str]]]:
    return scene.background, scene.size, Counter((thing.colour, thing.shape) for thing in scene.things)


def pixels_of(rgb_image: RgbImage) -> Pixels:
    return np.frombuffer(rgb_image.pixels, dtype=np.uint8).reshape(rgb_image.height, rgb_image.width, 3)
