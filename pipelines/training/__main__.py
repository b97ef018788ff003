"""Trains, publishes and evaluates the bundled model: one command per stage, in the order in which they are needed.

Every stage reads the results of earlier stages from the run folder and resumes from its own checkpoint. It also runs
under `accelerate launch` or `torchrun`, in several processes.
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

from pipelines.training import provenance
from pipelines.training.evaluation.scores import CATEGORIES, reconstruction_score, score
from pipelines.training.loop import BatchSource, TrainingConfig, prefetched, skip_steps, train
from pipelines.training.publishing import model_card, score_table, write_model_folder
from pipelines.training.scenes import domain
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
"""Seed of the scenes that measure the autoencoder; no stage trains with it."""

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

RunFolder = Annotated[Path, typer.Option("--workdir", help="Folder for this training run's parts and checkpoints.")]
Steps = Annotated[int, typer.Option(help="Optimizer steps; the learning rate decays over all of them.")]
BatchSize = Annotated[int, typer.Option(help="Samples per step, over all processes.")]
LearningRate = Annotated[float, typer.Option(help="Peak learning rate.")]
Seed = Annotated[int, typer.Option(help="Seed of the stage's scenes, captions and noise.")]
Base = Annotated[
    Path | None, typer.Option("--from", help="Model folder whose weights to start from, such as pipelines/bundled.")
]

DEFAULT_RUN = Path("runs/bundled")
TEXT_HEADS = "text_heads.safetensors"


@app.command()
def tokenizer(run: RunFolder = DEFAULT_RUN, seed: Seed = 3) -> None:
    """Learn the byte-pair vocabulary from captions."""
    train_tokenizer(seed).save_pretrained(run / "tokenizer")


@app.command()
def autoencoder(
    run: RunFolder = DEFAULT_RUN,
    steps: Steps = 2400,
    batch_size: BatchSize = 8,
    learning_rate: LearningRate = 0.02,
    seed: Seed = 1,
    base: Base = None,
) -> None:
    """Train the autoencoder on crops of scenes, then center and scale its latents."""
    model = new_autoencoder() if base is None else AutoencoderKL.from_pretrained(base / "vae")
    objective = AutoencoderObjective(model)
    config = TrainingConfig(steps=steps, batch_size=batch_size, learning_rate=learning_rate)
    batches = skip_steps(crop_batches(seed), provenance.prior_steps("autoencoder", base))
    if not _train(run, "autoencoder", objective, batches, config, seed, continues=base is not None):
        return
    model.cpu().eval()
    fold_statistics(model, 512, seed)
    model.save_pretrained(run / "vae")
    typer.echo(f"unseen scenes: {_psnr_db(model):.2f} dB")


@app.command()
def decoder(
    run: RunFolder = DEFAULT_RUN,
    steps: Steps = 12000,
    batch_size: BatchSize = 16,
    learning_rate: LearningRate = 0.015,
    seed: Seed = 6,
    base: Base = None,
) -> None:
    """Train the autoencoder's decoder further. The latents stay the same, so the UNet stays valid."""
    model = AutoencoderKL.from_pretrained(_part(run, base, "vae"))
    config = TrainingConfig(steps=steps, batch_size=batch_size, learning_rate=learning_rate)
    done = provenance.prior_steps("decoder", base)
    batches = skip_steps(crop_batches(seed, FINE_SHARE), done)
    if _train(run, "decoder", DecoderObjective(model), batches, config, seed, continues=done > 0):
        model.cpu().eval().save_pretrained(run / "vae")
        typer.echo(f"unseen scenes: {_psnr_db(model):.2f} dB")


@app.command()
def text(
    run: RunFolder = DEFAULT_RUN,
    steps: Steps = 1000,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 0.02,
    seed: Seed = 4,
    base: Base = None,
) -> None:
    """Pretrain the text encoder: classify what a caption asks for."""
    tokenizer = CLIPTokenizer.from_pretrained(_part(run, base, "tokenizer"))
    objective = TextObjective(new_text_encoder(tokenizer))
    config = TrainingConfig(steps=steps, batch_size=batch_size, learning_rate=learning_rate)
    if _train(run, "text", objective, text_batches(tokenizer, seed), config, seed, continues=False):
        objective.cpu().encoder.save_pretrained(run / "text_encoder_start")
        save_file(objective.heads.state_dict(), run / TEXT_HEADS)


@app.command()
def diffusion(
    run: RunFolder = DEFAULT_RUN,
    steps: Steps = 5000,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 0.02,
    scenes: Annotated[int, typer.Option(help="Scenes to draw and encode before the first step.")] = 48_000,
    corruptions: Annotated[
        int, typer.Option(min=1, help="How many of them to encode also with an error that the UNet learns to correct.")
    ] = 24_000,
    workers: Annotated[int, typer.Option(min=0, help="Processes that draw scenes and create batches ahead.")] = 0,
    seed: Seed = 2,
    base: Base = None,
) -> None:
    """Train the UNet together with the text encoder."""
    tokenizer = CLIPTokenizer.from_pretrained(_part(run, base, "tokenizer"))
    autoencoder = AutoencoderKL.from_pretrained(_part(run, base, "vae"))
    if torch.cuda.is_available():
        autoencoder.to("cuda")
    sets = latent_sets(autoencoder, run / f"latents-{seed}", scenes, min(corruptions, scenes), seed, workers)
    unet = new_unet() if base is None else UNet2DConditionModel.from_pretrained(base / "unet")
    text = _pretrained_text(run, base)
    batches = skip_steps(latent_batches(sets, tokenizer, seed, batch_size), provenance.prior_steps("diffusion", base))
    config = TrainingConfig(steps=steps, batch_size=batch_size, learning_rate=learning_rate)
    objective = DiffusionObjective(unet, text)
    if _train(
        run, "diffusion", objective, prefetched(batches, steps, workers), config, seed, continues=base is not None
    ):
        unet.cpu().save_pretrained(run / "unet")
        text.cpu().encoder.save_pretrained(run / "text_encoder")


@app.command()
def publish(
    run: RunFolder = DEFAULT_RUN,
    folder: Annotated[Path, typer.Option(help="Folder to write.")] = Path("pipelines/bundled"),
    base: Base = None,
) -> None:
    """Write the run's parts as a Stable Diffusion folder. Parts that the run did not train come from --from."""
    write_model_folder(
        folder,
        CLIPTokenizer.from_pretrained(_part(run, base, "tokenizer")),
        CLIPTextModel.from_pretrained(_part(run, base, "text_encoder")),
        UNet2DConditionModel.from_pretrained(_part(run, base, "unet")),
        AutoencoderKL.from_pretrained(_part(run, base, "vae")),
    )
    provenance.write_runs(folder, provenance.all_runs(run, base))


@app.command()
def evaluate(
    model: Annotated[Path, typer.Option(help="Model folder to score.")] = Path("pipelines/bundled"),
    prompts: Annotated[int, typer.Option(help="Prompts per category.")] = 400,
    size: Annotated[
        list[str] | None, typer.Option(help="WIDTHxHEIGHT, repeatable. Default: all sizes of the model.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Also write the scores to this file, as JSON.")] = None,
) -> None:
    """Score a model folder by grading its images, and print the scores."""
    # Only this command generates images, so only it imports the serving code.
    from pipelines.checkpoints.loader import load

    pipeline = load(str(model))
    autoencoder = AutoencoderKL.from_pretrained(model, subfolder="vae").eval()
    scores: dict[str, dict[str, float]] = {}
    reconstruction: dict[str, float] = {}
    for name in size or [f"{width}x{height}" for width, height in domain.SIZES]:
        width, height = (int(side) for side in name.split("x"))
        scores[name] = {category: score(pipeline, category, prompts, width, height) for category in CATEGORIES}
        reconstruction[name] = reconstruction_score(autoencoder, prompts, width, height)
    psnr = _psnr_db(autoencoder)
    typer.echo(score_table(scores, reconstruction, psnr))
    if output is not None:
        figures = {"prompts": prompts, "psnr_db": psnr, "scores": scores, "reconstruction": reconstruction}
        output.write_text(json.dumps(figures, indent=2) + "\n")


@app.command()
def card(
    run: RunFolder = DEFAULT_RUN,
    folder: Annotated[Path, typer.Option(help="Model folder.")] = Path("pipelines/bundled"),
) -> None:
    """Write the model card from the folder's `training.json` and the run's `evaluation.json`."""
    evaluation = json.loads((run / "evaluation.json").read_text())
    (folder / "README.md").write_text(model_card(provenance.read_runs(folder), evaluation))


def _pretrained_text(run: Path, base: Path | None) -> TextObjective:
    """Returns the run's pretrained encoder and heads, or else the base model's encoder with untrained heads."""
    pretrained = run / "text_encoder_start"
    folder = pretrained if base is None or pretrained.exists() else base / "text_encoder"
    objective = TextObjective(CLIPTextModel.from_pretrained(folder))
    if (run / TEXT_HEADS).exists():
        objective.heads.load_state_dict(load_file(run / TEXT_HEADS))
    return objective


def _part(run: Path, base: Path | None, name: str) -> Path:
    """Returns the run's own part, or else the base model's."""
    return run / name if base is None or (run / name).exists() else base / name


def _train(
    run: Path,
    stage: str,
    objective: nn.Module,
    batches: BatchSource,
    config: TrainingConfig,
    seed: int,
    *,
    continues: bool,
) -> bool:
    """Trains the stage and stores its figures in the run folder. Returns whether this process must save the result."""
    # Without `cpu`, accelerate looks for GPUs and does not connect CPU processes.
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    seconds = train(objective, batches, config, run / "checkpoints" / stage, accelerator)
    is_main: bool = accelerator.is_main_process
    if is_main:
        figures = (config.steps, config.batch_size, config.learning_rate, seed, round(seconds), continues)
        provenance.write_run(run, provenance.TrainingRun(stage, *figures))
    accelerator.end_training()
    return is_main


def _psnr_db(model: AutoencoderKL, images: int = 200) -> float:
    rng = random.Random(UNSEEN_SEED)
    return psnr_db(model, np.stack([draw(random_scene(rng, *domain.SIZES[0])) for _ in range(images)]))


if __name__ == "__main__":
    torch.manual_seed(0)
    app()
