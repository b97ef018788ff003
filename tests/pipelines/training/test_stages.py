"""The training stages, for a few steps each: what resumes, what is averaged, what is written."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPTokenizer

from pipelines.training import history
from pipelines.training.cielab import distance
from pipelines.training.evaluation.scores import survives
from pipelines.training.history import TrainingRun
from pipelines.training.loop import Batch, BatchSource, Plan, continued, train
from pipelines.training.muon import Muon, orthogonalised
from pipelines.training.scenes import world
from pipelines.training.scenes.captions import Ask, Mention
from pipelines.training.scenes.drawing import draw
from pipelines.training.scenes.scene import Scene, Thing, random_scene
from pipelines.training.stages.autoencoder import (
    FINE_SHARE,
    AutoencoderObjective,
    DecoderObjective,
    crop_batches,
    new_autoencoder,
    to_tensor,
)
from pipelines.training.stages.diffusion import (
    LAYOUT_WEIGHT,
    SLIPS,
    TEXT_WEIGHT,
    DiffusionObjective,
    latent_batches,
    new_unet,
)
from pipelines.training.stages.latents import LatentSet, Scenes, fold_statistics
from pipelines.training.stages.layout_probe import CELL, LayoutHead, layout
from pipelines.training.stages.text import (
    HEADS,
    TextObjective,
    answers,
    new_text_encoder,
    text_batches,
    token_ids,
    trimmed,
)
from pipelines.training.stages.tokenizer import PROMPT_TOKENS, train_tokenizer
from tests.harness.paths import ROOT


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "tokenizer"
    train_tokenizer(3).save_pretrained(folder)
    return folder


class Line(nn.Module):
    """A tiny objective with a matrix for Muon and a bias for Adam."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 16)
        with torch.no_grad():
            self.layer.weight.copy_(torch.eye(16))
            self.layer.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        loss: Tensor = (self.layer(x) - x.roll(1, dims=1)).square().mean()
        return loss


def line_batches(step: int, indices: range) -> Batch:
    return {
        "x": torch.stack([torch.randn(16, generator=torch.Generator().manual_seed(step * 97 + i)) for i in indices])
    }


def weights_after(folder: Path, plan: Plan, batches: BatchSource = line_batches) -> dict[str, Tensor]:
    model = Line()
    train(model, batches, plan, folder, Accelerator(cpu=True))
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_training_learns(tmp_path: Path) -> None:
    model = Line()
    before = model(**line_batches(1000, range(64))).item()
    train(model, line_batches, Plan(steps=60, batch_size=16, learning_rate=0.05, average_decay=0.9), tmp_path / "run",
          Accelerator(cpu=True))  # fmt: skip
    assert model(**line_batches(1000, range(64))).item() < before / 2


def test_a_resumed_run_ends_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    plan = Plan(steps=12, batch_size=4, learning_rate=0.02, checkpoint_every=6)
    whole = weights_after(tmp_path / "whole", plan)

    class StopError(Exception):
        pass

    def failing(step: int, indices: range) -> Batch:
        if step == 9:
            raise StopError
        return line_batches(step, indices)

    with pytest.raises(StopError):
        weights_after(tmp_path / "resumed", plan, failing)
    resumed = weights_after(tmp_path / "resumed", plan)
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name


def test_orthogonalised_updates_have_singular_values_near_one() -> None:
    values = torch.linalg.svdvals(orthogonalised(torch.randn(24, 60, generator=torch.Generator().manual_seed(0))))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_muon_leaves_embeddings_biases_and_thin_matrices_to_adam() -> None:
    shapes = {"a.weight": (32, 32, 3, 3), "conv_in.weight": (32, 3, 3, 3), "a.bias": (32,), "out.weight": (3, 144)}
    shapes |= {"token_embedding.weight": (700, 128)}
    parameters = {name: nn.Parameter(torch.zeros(shape)) for name, shape in shapes.items()}
    matrices, others = Muon(parameters.items(), 0.1, 0.0).param_groups
    assert matrices["params"] == [parameters["a.weight"]]
    assert len(others["params"]) == 4


def test_a_batch_must_divide_over_the_processes(tmp_path: Path) -> None:
    plan = Plan(steps=1, batch_size=3, learning_rate=0.1)
    accelerator = Accelerator(cpu=True)
    accelerator.state.num_processes = 2
    try:
        with pytest.raises(ValueError, match="does not divide over 2 processes"):
            train(Line(), line_batches, plan, tmp_path, accelerator)
    finally:
        accelerator.state.num_processes = 1


def test_two_processes_reach_the_weights_of_one_with_the_joint_batch(tokenizer_folder: Path) -> None:
    run = tokenizer_folder.parent
    stage = ["-m", "pipelines.training", "text", "--steps", "3", "--batch-size", "4", "--workdir"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    weights = []
    for name, launcher in (("one", []), ("two", ["-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"])):
        (run / name).mkdir()
        (run / name / "tokenizer").symlink_to(tokenizer_folder)
        command = [sys.executable, *launcher, *stage, str(run / name)]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=300)
        weights.append(load_file(run / name / "checkpoints" / "text" / "model.safetensors"))
    one, two = weights
    start = TextObjective(new_text_encoder(_load(tokenizer_folder))).state_dict()
    for name, tensor in one.items():
        # A key's bias shifts all of a softmax alike: its gradient is nothing but rounding, which Adam then magnifies.
        if not name.endswith("k_proj.bias"):
            torch.testing.assert_close(two[name], tensor, rtol=1e-3, atol=1e-5)
    assert any(not torch.equal(one[name], start[name]) for name in one)


def _load(folder: Path) -> CLIPTokenizer:
    return cast(CLIPTokenizer, CLIPTokenizer.from_pretrained(folder))


def test_the_tokenizer_has_tokens_for_any_text(tokenizer_folder: Path) -> None:
    tokenizer = _load(tokenizer_folder)
    unknown = [chr(code) for code in range(0x21, 0x3000) if not chr(code).isspace()
               and tokenizer.unk_token_id in tokenizer(chr(code), add_special_tokens=False)["input_ids"]]  # fmt: skip
    assert unknown == []
    assert token_ids(tokenizer, ["", "a red circle", "\U0001f600" * 100]).shape == (3, PROMPT_TOKENS)


def test_a_relation_and_its_opposite_have_the_same_answers() -> None:
    circle, square = Mention("circle", "red"), Mention("square")
    one = answers(Ask((circle, square), 2, relation="left", background="pink"))
    other = answers(Ask((square, circle), 2, relation="right", background="pink"))
    assert one == other
    assert len(one) == len(HEADS)
    assert one != answers(Ask((square, circle), 2, relation="left", background="pink"))


def test_text_batches_fit_the_text_objective(tokenizer_folder: Path) -> None:
    tokenizer = _load(tokenizer_folder)
    loss = TextObjective(new_text_encoder(tokenizer))(**text_batches(tokenizer, 0)(0, range(4)))
    assert 1.0 < loss.item() < 4.0


def test_a_caption_trimmed_of_its_padding_means_the_same(tokenizer_folder: Path) -> None:
    torch.manual_seed(0)
    tokenizer = _load(tokenizer_folder)
    encoder = new_text_encoder(tokenizer)
    tokens = token_ids(tokenizer, ["a red circle", "three blue stars on a white background"])
    short = trimmed(tokens, tokenizer.eos_token_id)
    assert short.shape[1] < tokens.shape[1]
    torch.testing.assert_close(encoder(short).pooler_output, encoder(tokens).pooler_output)


def test_a_run_from_published_weights_is_added_to_theirs_and_one_from_nothing_replaces_them(tmp_path: Path) -> None:
    published, run = tmp_path / "published", tmp_path / "run"
    published.mkdir()
    run.mkdir()
    first = [TrainingRun(stage, 100, 8, 0.02, 1, 60, continues=False) for stage in ("text", "diffusion")]
    history.write(published, first)
    afresh = TrainingRun("text", 50, 8, 0.02, 1, 30, continues=False)
    further = TrainingRun("diffusion", 20, 8, 0.01, 2, 10, continues=True)
    for one in (further, afresh):
        history.write_run(run, one)

    runs = history.history(run, published)

    assert runs == [afresh, first[1], further]
    history.write(published, runs)
    assert history.history(run, published) == runs, "publishing twice adds nothing"
    assert history.history(run, None) == [afresh, further]
    assert history.steps_behind("diffusion", published) == 120
    assert history.steps_behind("diffusion", None) == 0


def test_a_continued_run_sees_the_batches_after_those_of_the_run_before() -> None:
    later = continued(line_batches, 7)
    assert torch.equal(later(2, range(3))["x"], line_batches(9, range(3))["x"])


def test_the_autoencoder_objective_is_finite_and_its_latents_fold_to_unit_statistics() -> None:
    torch.manual_seed(0)
    model = new_autoencoder()
    assert torch.isfinite(AutoencoderObjective(model)(**crop_batches(0)(0, range(2))))
    pixels = crop_batches(1)(0, range(4))["pixels"]
    with torch.no_grad():
        before = model.decode(model.encode(pixels).latent_dist.mode()).sample
        fold_statistics(model, 16, seed=5)
        after = model.decode(model.encode(pixels).latent_dist.mode()).sample
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-3)


def test_the_decoder_stage_brings_images_nearer_and_leaves_latents_as_they_are(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = new_autoencoder()
    pixels = crop_batches(1)(0, range(4))["pixels"]

    def encoding() -> dict[str, Tensor]:
        weights = {**model.encoder.state_dict(), **model.quant_conv.state_dict(prefix="quant.")}
        return {name: weight.clone() for name, weight in weights.items()}

    def distance_after_decoding() -> float:
        with torch.no_grad():
            decoded = model.decode(model.encode(pixels).latent_dist.mode()).sample
        return distance(decoded, pixels).mean().item()

    encoding_before, before = encoding(), distance_after_decoding()
    plan = Plan(steps=12, batch_size=2, learning_rate=0.02, warmup_steps=1, average_decay=0.5)
    train(DecoderObjective(model), crop_batches(0, FINE_SHARE), plan, tmp_path / "run", Accelerator(cpu=True))

    assert all(torch.equal(weight, encoding_before[name]) for name, weight in encoding().items())
    assert distance_after_decoding() < 0.9 * before


def test_an_autoencoder_that_loses_everything_lets_no_scene_survive() -> None:
    torch.manual_seed(0)
    assert survives(new_autoencoder().eval(), 4, *world.SIZES[0]) == 0


def test_folding_leaves_little_of_a_channel_that_the_decoder_hardly_looks_at() -> None:
    torch.manual_seed(0)
    model = new_autoencoder().eval()
    with torch.no_grad():
        model.post_quant_conv.weight[:, 2] *= 0.01
    fold_statistics(model, 16, seed=5)
    images = np.stack([draw(random_scene(random.Random(f"fold/{index}"), 128, 128)) for index in range(16)])
    with torch.no_grad():
        latents = model.encode(to_tensor(images)).latent_dist.mode()
    spread = latents.std(dim=(0, 2, 3))
    assert spread[2] < 0.05 * spread.max()
    assert latents.square().mean().sqrt().item() == pytest.approx(1, abs=0.2)


def test_the_diffusion_objective_starts_at_the_size_of_its_target(tokenizer_folder: Path) -> None:
    torch.manual_seed(0)
    tokenizer = _load(tokenizer_folder)
    generator = torch.Generator().manual_seed(0)
    sets = []
    for width, height in world.SIZES:
        latents, slips = (torch.randn(4, 4, height // 8, width // 8, generator=generator).half() for _ in range(2))
        sets.append(LatentSet(Scenes(width, height, 1), latents, slips))
    objective = DiffusionObjective(new_unet(), TextObjective(new_text_encoder(tokenizer)))
    source = latent_batches(sets, tokenizer, 0, 4)
    losses = [objective(**source(step, range(4))).item() for step in range(6)]
    understood = TEXT_WEIGHT * 3 + LAYOUT_WEIGHT * (math.log(9) + math.log(19))
    assert all(0.7 < loss - understood < 1.3 for loss in losses)
    joint, half = source(0, range(4)), source(0, range(2, 4))
    assert all(torch.equal(joint[name][2:], half[name]) for name in joint)


def test_some_samples_show_part_of_a_slip_where_their_caption_says_otherwise(tokenizer_folder: Path) -> None:
    tokenizer = _load(tokenizer_folder)
    width, height = world.SIZES[0]
    scenes = Scenes(width, height, 1)
    right, wrong = (torch.full((200, 4, 16, 16), value).half() for value in (0.0, 1.0))
    batch = latent_batches([LatentSet(scenes, right, wrong)] * len(world.SIZES), tokenizer, 0, 400)(0, range(400))

    share = batch["shown"][:, 0, 0, 0]
    assert (batch["latents"] == 0).all()
    assert torch.equal(batch["shown"], share.view(-1, 1, 1, 1).expand(-1, 4, 16, 16))
    slipped = share > 0
    assert 0.6 * SLIPS < slipped.float().mean() < SLIPS
    assert share[slipped].min() < 0.2
    assert share[slipped].max() > 0.8
    nothing_asked = batch["targets"][:, -1] == 0
    assert nothing_asked.any()
    assert not (slipped & nothing_asked).any()


def test_a_layout_says_what_stands_in_each_cell() -> None:
    things = (Thing("ring", "red", 64.0, 64.0, 40.0), Thing("square", "cyan", 12.0, 84.0, 8.0))
    shapes, colours = layout(Scene(160, 96, "white", things))

    assert shapes.shape == (96 // CELL, 160 // CELL)
    at = {"hole": (8, 8), "ring": (8, 4), "square": (10, 1), "ground": (2, 18)}
    assert {name: int(shapes[place]) for name, place in at.items()} == {"hole": 0, "ring": 2, "square": 3, "ground": 0}
    red, cyan, white = 0, list(world.COLOURS).index("cyan"), len(world.COLOURS)
    assert [int(colours[at[name]]) for name in ("ring", "square", "ground")] == [red, cyan, white]


def test_the_layout_is_learnt_by_the_unet_and_leaves_nothing_in_it() -> None:
    torch.manual_seed(0)
    unet = new_unet()
    names = set(unet.state_dict())
    head = LayoutHead(unet)
    with pytest.raises(RuntimeError, match="has not been run"):
        head.loss(torch.zeros(1, 2, 16, 16, dtype=torch.int64))

    unet(torch.randn(1, 4, 16, 16), 500, torch.randn(1, 8, 128))
    torch.autograd.backward(head.loss(torch.zeros(1, 2, 16, 16, dtype=torch.int64)))

    assert unet.conv_in.weight.grad is not None
    assert unet.conv_in.weight.grad.abs().max() > 0
    assert set(unet.state_dict()) == names
