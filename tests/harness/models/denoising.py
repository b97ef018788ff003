"""Makes images with the calls of a real pipeline: alone, with others that join later, and in random batches."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.interface import UPSCALE, finish_or_raise
from pipelines.params import GenerationParams
from tests.harness.models.tiny_model import begin


def step(pipeline: LatentDiffusion, states: Sequence[LatentState]) -> None:
    """Make the next call of all states, whose keys are equal, and update each of them."""
    if any(state.next_call and state.next_call.key.phase == UPSCALE for state in states):
        pipeline.upscale(states)
    else:
        finish_or_raise(pipeline.advance(states, pipeline.predict(states)))


def finish(pipeline: LatentDiffusion, states: Sequence[LatentState]) -> None:
    """Make calls with as many unfinished states as have equal keys, until every state is finished."""
    while running := [state for state in states if state.next_call]:
        keys = [state.next_call.key for state in running if state.next_call]
        step(pipeline, [state for state, key in zip(running, keys, strict=True) if key == keys[0]])


def finish_joined(pipeline: LatentDiffusion, images: Sequence[GenerationParams]) -> list[LatentState]:
    """Make all images in shared calls. The first half starts at once, and the others join two calls later."""
    states = [begin(pipeline, params) for params in images]
    early = states[: (len(states) + 1) // 2]
    for _ in range(2):
        running = [state for state in early if state.next_call]
        if running:
            step(pipeline, running)
    finish(pipeline, states)
    return states


@dataclass(frozen=True)
class Made:
    """The bytes of an image's latents, and of its pixels."""

    latents: bytes
    pixels: bytes


@dataclass(frozen=True)
class RandomBatches:
    """Draws images, and batches of them such as arrivals and calls split for lack of memory cause."""

    sizes: Sequence[tuple[int, int]]
    """Widths and heights of the images."""
    samplers: Sequence[str]
    max_rows: int
    """Most rows of a call."""
    max_decode: int
    """Most images of a decode."""

    def images(self, dice: random.Random, count: int) -> list[GenerationParams]:
        return [self._image(dice, seed) for seed in range(count)]

    def _image(self, dice: random.Random, seed: int) -> GenerationParams:
        width, height = dice.choice(self.sizes)
        return GenerationParams(
            prompt=dice.choice(["a fox", "a red car", ""]),
            negative_prompt=dice.choice(["", "fog"]),
            width=width,
            height=height,
            steps=dice.randint(2, 4),
            guidance_scale=dice.choice([1.0, 3.0, 20.0]),
            seed=seed,
            sampler=dice.choice(self.samplers),
        )

    def make_alone(self, pipeline: LatentDiffusion, params: GenerationParams) -> Made:
        (made,) = self.make_together(pipeline, [params], random.Random(0))
        return made

    def make_together(
        self, pipeline: LatentDiffusion, images: Sequence[GenerationParams], dice: random.Random
    ) -> list[Made]:
        """Make all images in calls with random members, order and number of rows."""
        texts = list({text for params in images for text in pipeline.texts(params)})
        known = dict(zip(texts, pipeline.encode(texts), strict=True))
        states = [pipeline.begin(params, [known[text] for text in pipeline.texts(params)]) for params in images]
        while any(state.next_call for state in states):
            step(pipeline, self._batch(states, dice))
        pixels = self._decode(pipeline, states, dice)
        return [Made(state.latents.cpu().numpy().tobytes(), pixels[n]) for n, state in enumerate(states)]

    def _batch(self, states: Sequence[LatentState], dice: random.Random) -> list[LatentState]:
        key = dice.choice([state.next_call.key for state in states if state.next_call])
        candidates = [state for state in states if state.next_call and state.next_call.key == key]
        dice.shuffle(candidates)
        rows_left, batch = dice.randint(2, self.max_rows), []
        for state in candidates:
            if state.conditioning.rows <= rows_left:
                rows_left -= state.conditioning.rows
                batch.append(state)
        return batch

    def _decode(
        self, pipeline: LatentDiffusion, states: Sequence[LatentState], dice: random.Random
    ) -> dict[int, bytes]:
        """Decode all states in random batches of one size. Returns the pixels by the states' indices."""
        pixels: dict[int, bytes] = {}
        for size in self.sizes:
            waiting = [n for n, state in enumerate(states) if (state.params.width, state.params.height) == size]
            dice.shuffle(waiting)
            while waiting:
                chosen = [waiting.pop() for _ in range(dice.randint(1, min(self.max_decode, len(waiting))))]
                decoded = pipeline.decode([states[n] for n in chosen])
                pixels |= {n: image.pixels for n, image in zip(chosen, decoded, strict=True)}
        return pixels


def assert_close_in_levels(alone: bytes, together: bytes) -> None:
    """Assert what default mode promises: at most one level of 255, on at most a thousandth of the values."""
    differences = [abs(a - b) for a, b in zip(alone, together, strict=True)]
    assert max(differences) <= 1
    assert sum(difference > 0 for difference in differences) <= len(differences) / 1000
