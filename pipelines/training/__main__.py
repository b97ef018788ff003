"""`python -m pipelines.training`: one command a stage, in the order in which they are needed.

Every stage reads what the earlier ones left in the run folder, resumes its own checkpoint, and works the same under
`accelerate launch` or `torchrun`, on every process's device.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from accelerate import Accelerator
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from pipelines.training import history
from pipelines.training.evaluation.scores import CATEGORIES, score, survives
from pipelines.training.loop import BatchSource, Plan, continued, train
from pipelines.training.publishing import card as write_card
from pipelines.training.publishing import publish as write_folder
from pipelines.training.publishing import table
from pipelines.training.scenes import world
from pipelines.training.scenes.drawing import draw
from pipelines.training.scenes.scene import random_scene
from pipelines.training.stages.autoencoder import (
    FINE_SHARE,
    AutoencoderObjective,
    DecoderObjective,
    crop_batches,
    new_autoencoder,
    psnr_db,
)
from pipelines.training.stages.diffusion import DiffusionObjective, latent_batches, new_unet
from pipelines.training.stages.latents import fold_statistics, latent_sets
from pipelines.training.stages.text import TextObjective, new_text_encoder, text_batches
from pipelines.training.stages.tokenizer import train_tokenizer

UNSEEN_SEED = 1_000_003
"""Scenes that score the autoencoder; no stage trains with this seed."""

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Run = Annotated[Path, typer.Option("--workdir", help="Folder that holds this training run's parts and checkpoints.")]
Steps = Annotated[int, typer.Option(help="Optimizer steps; the learning rate falls to its end over them.")]
BatchSize = Annotated[int, typer.Option(help="Samples a step, over all processes together.")]
Rate = Annotated[float, typer.Option(help="Highest learning rate.")]
Seed = Annotated[int, typer.Option(help="Decides every scene, caption and noise of the stage.")]
Start = Annotated[
    Path | None, typer.Option("--from", help="Start from a model folder's weights, such as pipelines/bundled.")
]

DEFAULT_RUN = Path("runs/bundled")
TEXT_HEADS = "text_heads.safetensors"


@app.command()
def tokenizer(run: Run = DEFAULT_RUN, seed: Seed = 3) -> None:
    """Learn the byte-pair vocabulary from captions (seconds)."""
    train_tokenizer(seed).save_pretrained(run / "tokenizer")


@app.command()
def autoencoder(
    run: Run = DEFAULT_RUN,
    steps: Steps = 2400,
    batch_size: BatchSize = 8,
    learning_rate: Rate = 0.02,
    seed: Seed = 1,
    start: Start = None,
) -> None:
    """Train the autoencoder on crops of scenes, then centre and scale its latents."""
    model = new_autoencoder() if start is None else AutoencoderKL.from_pretrained(start / "vae")
    objective = AutoencoderObjective(model)
    plan = Plan(steps=steps, batch_size=batch_size, learning_rate=learning_rate)
    batches = continued(crop_batches(seed), history.steps_behind("autoencoder", start))
    if not _train(run, "autoencoder", objective, batches, plan, seed, continues=start is not None):
        return
    model.cpu().eval()
    fold_statistics(model, 512, seed)
    model.save_pretrained(run / "vae")
    typer.echo(f"unseen scenes: {_psnr_db(model):.2f} dB")


@app.command()
def decoder(
    run: Run = DEFAULT_RUN,
    steps: Steps = 12000,
    batch_size: BatchSize = 16,
    learning_rate: Rate = 0.015,
    seed: Seed = 6,
    start: Start = None,
) -> None:
    """Sharpen the autoencoder's decoder; its latents, and so what the UNet knows, stay as they are."""
    model = AutoencoderKL.from_pretrained(_part(run, start, "vae"))
    plan = Plan(steps=steps, batch_size=batch_size, learning_rate=learning_rate)
    behind = history.steps_behind("decoder", start)
    batches = continued(crop_batches(seed, FINE_SHARE), behind)
    if _train(run, "decoder", DecoderObjective(model), batches, plan, seed, continues=behind > 0):
        model.cpu().eval().save_pretrained(run / "vae")
        typer.echo(f"unseen scenes: {_psnr_db(model):.2f} dB")


@app.command()
def text(
    run: Run = DEFAULT_RUN,
    steps: Steps = 1000,
    batch_size: BatchSize = 64,
    learning_rate: Rate = 0.02,
    seed: Seed = 4,
    start: Start = None,
) -> None:
    """Give the text encoder its warm start: what does a caption ask?"""
    words = CLIPTokenizer.from_pretrained(_part(run, start, "tokenizer"))
    objective = TextObjective(new_text_encoder(words))
    plan = Plan(steps=steps, batch_size=batch_size, learning_rate=learning_rate)
    if _train(run, "text", objective, text_batches(words, seed), plan, seed, continues=False):
        objective.cpu().encoder.save_pretrained(run / "text_encoder_start")
        save_file(objective.heads.state_dict(), run / TEXT_HEADS)


@app.command()
def diffusion(
    run: Run = DEFAULT_RUN,
    steps: Steps = 5000,
    batch_size: BatchSize = 64,
    learning_rate: Rate = 0.02,
    scenes: Annotated[int, typer.Option(help="Different scenes to draw and encode before the first step.")] = 48_000,
    slips: Annotated[
        int, typer.Option(min=1, help="How many of these, at most, also with one thing wrong, to learn to mend.")
    ] = 24_000,
    seed: Seed = 2,
    start: Start = None,
) -> None:
    """Train the UNet together with the text encoder."""
    words = CLIPTokenizer.from_pretrained(_part(run, start, "tokenizer"))
    autoencoder = AutoencoderKL.from_pretrained(_part(run, start, "vae"))
    sets = latent_sets(autoencoder, run / f"latents-{seed}", scenes, min(slips, scenes), seed)
    unet = new_unet() if start is None else UNet2DConditionModel.from_pretrained(start / "unet")
    text = _text(run, start)
    batches = continued(latent_batches(sets, words, seed, batch_size), history.steps_behind("diffusion", start))
    plan = Plan(steps=steps, batch_size=batch_size, learning_rate=learning_rate)
    objective = DiffusionObjective(unet, text)
    if _train(run, "diffusion", objective, batches, plan, seed, continues=start is not None):
        unet.cpu().save_pretrained(run / "unet")
        text.cpu().encoder.save_pretrained(run / "text_encoder")


@app.command()
def publish(
    run: Run = DEFAULT_RUN,
    folder: Annotated[Path, typer.Option(help="Where to write.")] = Path("pipelines/bundled"),
    start: Start = None,
) -> None:
    """Put the run's parts together as a Stable Diffusion folder; what the run did not train is taken from --from."""
    write_folder(
        folder,
        CLIPTokenizer.from_pretrained(_part(run, start, "tokenizer")),
        CLIPTextModel.from_pretrained(_part(run, start, "text_encoder")),
        UNet2DConditionModel.from_pretrained(_part(run, start, "unet")),
        AutoencoderKL.from_pretrained(_part(run, start, "vae")),
    )
    history.write(folder, history.history(run, start))


@app.command()
def evaluate(
    model: Annotated[Path, typer.Option(help="Model folder to score.")] = Path("pipelines/bundled"),
    prompts: Annotated[int, typer.Option(help="Prompts a category.")] = 400,
    size: Annotated[
        list[str] | None, typer.Option(help="WIDTHxHEIGHT, repeatable; all of the world's if absent.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Also write the figures here, as JSON.")] = None,
) -> None:
    """Score a model folder by reading its images back, and print the table."""
    # Only this command serves images; the stages above must not need the serving code.
    from pipelines.checkpoints.loader import load

    pipeline = load(str(model))
    autoencoder = AutoencoderKL.from_pretrained(model, subfolder="vae").eval()
    scores: dict[str, dict[str, float]] = {}
    surviving: dict[str, float] = {}
    for name in size or [f"{width}x{height}" for width, height in world.SIZES]:
        width, height = (int(side) for side in name.split("x"))
        scores[name] = {category: score(pipeline, category, prompts, width, height) for category in CATEGORIES}
        surviving[name] = survives(autoencoder, prompts, width, height)
    ratio = _psnr_db(autoencoder)
    typer.echo(table(scores, surviving, ratio))
    if output is not None:
        figures = {"prompts": prompts, "psnr_db": ratio, "scores": scores, "survives": surviving}
        output.write_text(json.dumps(figures, indent=2) + "\n")


@app.command()
def card(
    run: Run = DEFAULT_RUN, folder: Annotated[Path, typer.Option(help="The model's.")] = Path("pipelines/bundled")
) -> None:
    """Write the model's card from what its folder says of its training and the run's `evaluation.json`."""
    evaluation = json.loads((run / "evaluation.json").read_text())
    (folder / "README.md").write_text(write_card(history.read(folder), evaluation))


def _text(run: Path, start: Path | None) -> TextObjective:
    """What the run's text stage left, or else the encoder of the model started from, with heads that know nothing."""
    warm = run / "text_encoder_start"
    folder = warm if start is None or warm.exists() else start / "text_encoder"
    objective = TextObjective(CLIPTextModel.from_pretrained(folder))
    if (run / TEXT_HEADS).exists():
        objective.heads.load_state_dict(load_file(run / TEXT_HEADS))
    return objective


def _part(run: Path, start: Path | None, name: str) -> Path:
    """The run's own, or else that of the model started from."""
    return run / name if start is None or (run / name).exists() else start / name


def _train(
    run: Path, stage: str, objective: nn.Module, batches: BatchSource, plan: Plan, seed: int, *, continues: bool
) -> bool:
    """Train, leave the stage's figures for the card in the run folder, and say whether this process is to save."""
    # Told so, accelerate joins CPU processes too; left to itself it looks for GPUs.
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    seconds = train(objective, batches, plan, run / "checkpoints" / stage, accelerator)
    leads: bool = accelerator.is_main_process
    if leads:
        figures = (plan.steps, plan.batch_size, plan.learning_rate, seed, round(seconds), continues)
        history.write_run(run, history.TrainingRun(stage, *figures))
    accelerator.end_training()
    return leads


def _psnr_db(model: AutoencoderKL, images: int = 200) -> float:
    rng = random.Random(UNSEEN_SEED)
    return psnr_db(model, np.stack([draw(random_scene(rng, *world.SIZES[0])) for _ in range(images)]))


if __name__ == "__main__":
    torch.manual_seed(0)
    app()
