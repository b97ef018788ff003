"""The parts that measure diffusers' own pipelines on the same models, as they are and compiled."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionXLPipeline

from benchmarks.engine.sides import load_diffusers
from benchmarks.gpu.parts import bounds, images, models, timing
from benchmarks.gpu.plan import Settings
from benchmarks.gpu.record import Record, Table

GUIDANCE_SCALE: Final = 5.0
BATCHES: Final = (1, 8)
XL_BATCHES: Final = (1, 4)
_TINY_BATCHES: Final = (1, 2)
_BUDGET_S: Final = 5.0
COLUMNS: Final = ("images a call", "images/s", "share of the bound")

Generate = Callable[[int], object]
"""Generates so many images in one call."""


def sd15(settings: Settings, record: Record) -> None:
    pipeline = load_diffusers(models.folder(settings))
    table = record.table("StableDiffusionPipeline", COLUMNS)
    _rows(settings, record, table, BATCHES, _prompted(pipeline, images.steps(settings)), _sd15_bound(settings))


def compiled(settings: Settings, record: Record) -> None:
    """Compile the UNet as diffusers' page on speed does."""
    pipeline = load_diffusers(models.folder(settings))
    pipeline.unet.to(memory_format=torch.channels_last)
    pipeline.unet = torch.compile(pipeline.unet, mode="default", fullgraph=True, dynamic=False)
    table = record.table("StableDiffusionPipeline with a compiled UNet", COLUMNS)
    _rows(settings, record, table, BATCHES, _prompted(pipeline, images.steps(settings)), _sd15_bound(settings))


def sdxl(settings: Settings, record: Record) -> None:
    """Measure SDXL without its text encoders: they take little time, and the pipeline accepts their results."""
    model, dtype = models.sdxl(settings), models.dtype(settings)
    pipeline = StableDiffusionXLPipeline(
        vae=models.vae(model, settings.device, dtype),
        text_encoder=None,
        text_encoder_2=None,
        tokenizer=None,
        tokenizer_2=None,
        unet=models.unet(model, settings.device, dtype),
        scheduler=DPMSolverMultistepScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )
    # Otherwise the pipeline converts the autoencoder to float32 for every image, as the published weights need.
    pipeline.vae.register_to_config(force_upcast=False)
    pipeline.set_progress_bar_config(disable=True)
    bound = bounds.images_per_s(model, images.steps(settings), timing.device_name(settings.device))
    record.fact("bound by arithmetic, images/s", bound)
    table = record.table("StableDiffusionXLPipeline, texts encoded beforehand", COLUMNS)

    def generate(count: int) -> object:
        inputs = models.inputs(model, count, settings.device, dtype)
        texts, pooled = inputs["encoder_hidden_states"], inputs["added_cond_kwargs"]["text_embeds"]
        return pipeline(
            prompt_embeds=texts,
            negative_prompt_embeds=texts,
            pooled_prompt_embeds=pooled,
            negative_pooled_prompt_embeds=pooled,
            height=model.side,
            width=model.side,
            num_inference_steps=images.steps(settings),
            guidance_scale=GUIDANCE_SCALE,
            output_type="np",
        )

    _rows(settings, record, table, XL_BATCHES, generate, bound)


def _sd15_bound(settings: Settings) -> float | None:
    return bounds.images_per_s(models.sd15(settings), images.steps(settings), timing.device_name(settings.device))


def _prompted(pipeline: Any, steps: int) -> Generate:
    def generate(count: int) -> object:
        return pipeline(
            ["a red circle"] * count, num_inference_steps=steps, guidance_scale=GUIDANCE_SCALE, output_type="np"
        )

    return generate


def _rows(
    settings: Settings,
    record: Record,
    table: Table,
    batches: tuple[int, ...],
    generate: Generate,
    bound: float | None,
) -> None:
    for count in _TINY_BATCHES if settings.tiny else batches:
        call_s = timing.median_s(
            functools.partial(generate, count), settings.device, budget_s=settings.budget_s(_BUDGET_S)
        )
        record.row(table, count, count / call_s, bounds.share(count / call_s, bound))
