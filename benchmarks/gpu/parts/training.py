"""The part that trains the bundled model on for the time that is left, and keeps the result if it scores higher.

The result is `model.tar` in the output folder: a model folder, in one file. It replaces nothing by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

from benchmarks.gpu.plan import Settings
from benchmarks.gpu.record import Record
from pipelines.checkpoints import loader
from pipelines.training.__main__ import TEXT_HEADS, diffusion, publish
from pipelines.training.evaluation.scores import CATEGORIES, score
from pipelines.training.scenes import domain
from pipelines.training.stages.text import TextObjective, text_batches

ARCHIVE: Final = "model.tar"
SEED: Final = 2
"""Seed of the scenes. It is that of the published runs, so that the samples continue where those runs ended."""
_MARGIN_S: Final = 15.0
"""Time for loading, publishing and whatever is not foreseen."""
_EVALUATIONS: Final = 1.3
"""Factor by which the second evaluation may take longer than the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """The amounts of work of the stages."""

    heads_steps: int
    scenes: int
    """Scenes that are encoded, with half as many corruptions."""
    batch_size: int
    calibration_steps: int
    max_steps: int
    learning_rate: float
    prompts: int
    """Per category and size."""
    categories: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]


FULL: Final = Amounts(
    heads_steps=600,
    scenes=24_000,
    batch_size=64,
    calibration_steps=60,
    max_steps=100_000,
    learning_rate=0.007,
    prompts=24,
    categories=tuple(CATEGORIES),
    sizes=domain.SIZES,
)
TINY: Final = Amounts(
    heads_steps=2,
    scenes=8,
    batch_size=4,
    calibration_steps=1,
    max_steps=2,
    learning_rate=0.001,
    prompts=1,
    categories=("single",),
    sizes=domain.SIZES[:1],
)


def run(settings: Settings, record: Record) -> None:
    until_s = time.monotonic() + settings.limit_s
    amounts, folder = (TINY if settings.tiny else FULL), settings.work_folder / "training"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    base = loader.bundled_model_path()
    start_s = time.monotonic()
    before = mean_score(base, amounts)
    evaluation_s = time.monotonic() - start_s
    record.fact(f"score before, {amounts.prompts} prompts for each category and size", before)
    _train(settings, record, amounts, folder, base, until_s - _EVALUATIONS * evaluation_s - _MARGIN_S)
    published = folder / "model"
    publish(run=folder, folder=published, base=base)
    after = mean_score(published, amounts)
    record.fact("score after", after)
    if after > before:
        archive(published, Path(settings.output) / ARCHIVE)
    record.fact("kept", "yes" if after > before else "no")


def mean_score(model: Path, amounts: Amounts) -> float:
    """Return the share of right images, over the categories and sizes."""
    pipeline = loader.load(str(model))
    return statistics.mean(
        score(pipeline, category, amounts.prompts, *size) for size in amounts.sizes for category in amounts.categories
    )


def _train(settings: Settings, record: Record, amounts: Amounts, folder: Path, base: Path, until_s: float) -> None:
    """Train as many steps as fit, so that the learning rate has come down at the end."""
    fit_heads(folder, base, amounts.heads_steps, amounts.batch_size, settings.device)

    def train(steps: int) -> float:
        diffusion(
            run=folder,
            steps=steps,
            batch_size=amounts.batch_size,
            learning_rate=amounts.learning_rate,
            scenes=amounts.scenes,
            corruptions=amounts.scenes // 2,
            workers=0 if settings.tiny else max(0, (os.cpu_count() or 1) - 2),
            seed=SEED,
            base=base,
        )
        progress = json.loads((folder / "checkpoints" / "diffusion" / "progress.json").read_text())
        return float(progress["seconds"]) / steps

    step_s = train(amounts.calibration_steps)
    shutil.rmtree(folder / "checkpoints")
    steps = steps_that_fit(until_s - time.monotonic(), step_s, amounts.max_steps)
    record.fact("training step, ms", 1000 * step_s)
    record.fact("training steps", steps)
    train(steps)


def steps_that_fit(left_s: float, step_s: float, max_steps: int) -> int:
    """Return the steps for the time; one at least, so that there is a result to compare."""
    return min(max_steps, max(1, int(left_s / step_s)))


def fit_heads(folder: Path, base: Path, steps: int, batch_size: int, device: str) -> None:
    """Fit the text stage's heads, which are not published, to the published encoder. The encoder does not change."""
    tokenizer = CLIPTokenizer.from_pretrained(base / "tokenizer")
    objective = TextObjective(CLIPTextModel.from_pretrained(base / "text_encoder")).to(device)
    objective.encoder.requires_grad_(False)
    optimizer = torch.optim.Adam(objective.heads.parameters(), lr=0.01)
    batches = text_batches(tokenizer, SEED)
    for step in range(steps):
        batch = {name: tensor.to(device) for name, tensor in batches(step, range(batch_size)).items()}
        loss = objective(**batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    save_file({name: weight.cpu() for name, weight in objective.heads.state_dict().items()}, folder / TEXT_HEADS)


def archive(folder: Path, file: Path) -> None:
    """Write the folder's files into one uncompressed archive; weights do not compress."""
    with tarfile.open(file, "w") as archived:
        archived.add(folder, arcname=folder.name)
