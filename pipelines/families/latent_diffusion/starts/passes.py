"""Begins the passes of an image: from noise, from another image or, with the hires fix, from its own first pass."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace

import torch
from torch import Tensor

from pipelines import work_plan
from pipelines.families.latent_diffusion.conditioning import Conditioner, Conditioning
from pipelines.families.latent_diffusion.decode import Decoder
from pipelines.families.latent_diffusion.starts import inputs
from pipelines.families.latent_diffusion.starts.handover import HandedOver
from pipelines.families.latent_diffusion.starts.inputs import EncodedImage
from pipelines.families.latent_diffusion.starts.upscaling import enlarge
from pipelines.families.latent_diffusion.state import LatentState, SecondPass
from pipelines.input_checks import first_pass
from pipelines.interface import UPCAST
from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams
from pipelines.prompts.lengths import PromptLengths
from pipelines.runtime.latent_encoder import LatentEncoder
from pipelines.runtime.networks import Networks
from pipelines.sampling.noise import seeded_generator
from pipelines.sampling.prepared_steps import PreparedSteps
from pipelines.sampling.sampler_run import SamplerRun, Steps
from pipelines.sampling.samplers import SamplerChoice
from pipelines.transfers import upload


class Passes:
    """Begins the passes of one model's images."""

    def __init__(
        self, info: ModelInfo, prepared: PreparedSteps, conditioner: Conditioner, drawer: Executor | None
    ) -> None:
        """`drawer` draws noise beside the caller."""
        self._info = info
        self._prepared = prepared
        self._conditioner = conditioner
        self._drawer = drawer

    def announce(self, params: GenerationParams, choice: SamplerChoice) -> None:
        """Start to prepare the steps of an image that will begin soon."""
        for steps, made in _step_ranges(params):
            self._prepared.announce(choice, steps, made)

    def begin(
        self,
        params: GenerationParams,
        choice: SamplerChoice,
        networks: Networks,
        conditionings: Sequence[Conditioning],
        encoded: EncodedImage | HandedOver | None,
        *,
        upcast: bool,
    ) -> LatentState:
        """Begin an image. Raises `InvalidParamsError` where the sampler cannot make its steps."""
        steps, *second_steps = [self._prepared.get(choice, each, made) for each, made in _step_ranges(params)]
        first = _first_pass(params)
        generator = encoded.generator() if isinstance(encoded, HandedOver) else seeded_generator(params.seed)
        start = self._start(first, steps, encoded, generator, networks).on(networks.device)
        second = [
            SecondPass(each, self._condition(params, conditionings), work_plan.second_pass_steps(params))
            for each in second_steps
        ]
        return LatentState(
            params,
            calls=list(work_plan.denoising_calls(self._info, params, phase=UPCAST if upcast else "")),
            networks=networks,
            conditioning=self._condition(first, conditionings),
            prompt_lengths=_prompt_lengths(conditionings),
            run=SamplerRun(steps, start.latents, generator, networks.device, self._drawer),
            steps=work_plan.first_pass_steps(params),
            steps_before=encoded.step if isinstance(encoded, HandedOver) else 0,
            generator=generator,
            repainting=start.repainting,
            concatenated=start.concatenated,
            second=next(iter(second), None),
        )

    def _condition(self, params: GenerationParams, texts: Sequence[Conditioning]) -> Conditioning:
        conditioning = self._conditioner.condition(params, texts)
        is_padded = self._info.pads_long_prompts and params.long_prompt
        return conditioning.padded(self._info.long_prompt_tokens) if is_padded else conditioning

    def after_first(self, state: LatentState, latents: Tensor) -> SamplerRun:
        """Return the second pass of an image whose first one ended with these latents, which are enlarged."""
        return self.second(state, enlarge(latents, state.upscaler, *self._latent_size(state)))

    def second(self, state: LatentState, clean: Tensor) -> SamplerRun:
        """Return the second pass of an image, from clean latents [1, C, h, w] of its final size."""
        steps = state.second_pass.steps
        noise = torch.randn(clean.shape, generator=state.generator)
        noised = steps.noised(clean, upload(noise, clean.device))
        return SamplerRun(steps, noised, state.generator, state.networks.device, self._drawer)

    def upscale(
        self, states: Sequence[LatentState], decoder: Decoder, encoder: LatentEncoder, *, tiled: bool
    ) -> list[SamplerRun]:
        """Enlarge first passes by way of their pixels, and return the second ones."""
        size = states[0].params.height, states[0].params.width
        images = [enlarge(decoder.decode_for_calls(state, tiled=tiled), state.upscaler, *size) for state in states]
        posterior = encoder.encode(torch.cat(images).clamp(-1, 1), tiled=tiled)
        cleans = [posterior.row(n).sample(state.generator) for n, state in enumerate(states)]
        return [self.second(state, clean) for state, clean in zip(states, cleans, strict=True)]

    def _start(
        self,
        params: GenerationParams,
        steps: Steps,
        encoded: EncodedImage | HandedOver | None,
        generator: torch.Generator,
        networks: Networks,
    ) -> inputs.Start:
        """Draw the latents with which an image begins, or take those that another model left."""
        if isinstance(encoded, HandedOver):
            return encoded.start_with(steps)
        if encoded is None:
            height, width = params.height // networks.scale, params.width // networks.scale
            noise = torch.randn(1, self._info.latent_channels, height, width, generator=generator)
            return inputs.Start(steps.from_noise(noise))
        if self._info.reads_image:
            clean = networks.encoder.unscaled_mean(encoded.image)
            rows = len(work_plan.texts(self._info, params))
            return inputs.start_edit(steps, clean, generator, rows=rows)
        reads_kept = self._info.reads_kept
        return inputs.start(steps, encoded, generator, strength=params.strength, reads_kept=reads_kept)

    def _latent_size(self, state: LatentState) -> tuple[int, int]:
        scale = self._info.latent_scale
        return state.params.height // scale, state.params.width // scale


@contextlib.contextmanager
def undrawn_on_error(states: Sequence[LatentState]) -> Iterator[None]:
    """Put the states' generators back where the block raises, so that it can be repeated."""
    before = [state.generator.get_state() for state in states]
    try:
        yield
    except BaseException:
        for state, generator_state in zip(states, before, strict=True):
            state.generator.set_state(generator_state)
        raise


def _prompt_lengths(texts: Sequence[Conditioning]) -> PromptLengths:
    """Return the lengths of an image's texts, the last of which is its prompt."""
    lengths = [length for text in texts for length in text.lengths]
    return PromptLengths(prompt=lengths[-1], negative=lengths[0] if len(texts) > 1 else None)


def _first_pass(params: GenerationParams) -> GenerationParams:
    """Return the parameters of the first pass: those of the image, or of a smaller one."""
    if params.hires is None:
        return params
    return replace(params, width=params.hires.width, height=params.hires.height, hires=None)


def _step_ranges(params: GenerationParams) -> list[tuple[int, range]]:
    """Return for each pass its number of steps, and which of them are made."""
    first = (params.steps, first_pass(params))
    if params.hires is None:
        return [first]
    steps = params.hires.steps
    return [first, (steps, range(steps - work_plan.second_pass_steps(params), steps))]
