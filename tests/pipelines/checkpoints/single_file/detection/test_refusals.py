"""Files that are no models are called by what they are, and the user is told what to name instead."""

from __future__ import annotations

import pytest

from pipelines.checkpoints.single_file.detection import refusals

SUPPORTED = "Stable Diffusion 1.x, 2.x and XL are supported."
ADAPTER = "It changes a model and is none itself: name the file of a model."
AS = "and no whole model. Name the file of a model, and this one in the settings file beside that, as"
VAE = f'is an autoencoder (VAE) {AS} "vae".'
TEXT_ENCODER = f'is a text encoder {AS} "text_encoder" or "text_encoder_2".'


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("lora_unet_down_blocks_0_attentions_0_proj_in.alpha", f"is a LoRA. {ADAPTER}"),
        ("unet.down_blocks.0.attentions.0.to_q.lora_A.weight", f"is a LoRA. {ADAPTER}"),
        ("lora_te1_text_model_encoder_layers_0_mlp_fc1.hada_w1_a", f"is a LoRA. {ADAPTER}"),
        (
            "model.diffusion_model.double_blocks.0.img_attn.qkv.weight",
            f"is a FLUX model or one that is built like it. {SUPPORTED}",
        ),
        ("double_blocks.0.img_attn.qkv.weight", f"is a FLUX model or one that is built like it. {SUPPORTED}"),
        ("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", f"is a Stable Diffusion 3 model. {SUPPORTED}"),
        ("control_model.input_blocks.0.0.weight", f"is a ControlNet or a T2I adapter. {ADAPTER}"),
        ("controlnet_cond_embedding.conv_in.weight", f"is a ControlNet or a T2I adapter. {ADAPTER}"),
        ("image_proj.proj.weight", f"is an IP-Adapter. {ADAPTER}"),
        ("emb_params", f"is a textual inversion. {ADAPTER}"),
        ("clip_g", f"is a textual inversion. {ADAPTER}"),
        ("first_stage_model.decoder.conv_in.weight", VAE),
        ("decoder.conv_in.weight", VAE),
        ("text_model.encoder.layers.0.mlp.fc1.weight", TEXT_ENCODER),
        ("cond_stage_model.model.ln_final.weight", TEXT_ENCODER),
        ("vision_model.embeddings.class_embedding", f"is an image encoder. {SUPPORTED}"),
        ("encoder.block.0.layer.0.SelfAttention.q.weight", f"is a T5 text encoder. {SUPPORTED}"),
        (
            "down_blocks.0.resnets.0.conv1.weight",
            "is one part of a model in the diffusers layout. Name the folder that has the model_index.json.",
        ),
        ("body.0.rdb1.conv1.weight", f"is an upscaler. {SUPPORTED}"),
        ("transformer_blocks.0.attn.to_q.weight", f"is a transformer model. {SUPPORTED}"),
        ("down_blocks.1.0.channelwise.0.weight", f"is a Stable Cascade model. {SUPPORTED}"),
        ("something", f"is no model that is known; its first key is something. {SUPPORTED}"),
    ],
)
def test_a_file_is_called_by_what_it_is(name: str, sentence: str) -> None:
    assert refusals.describe_other([name]) == sentence


def test_an_empty_file_is_no_model() -> None:
    assert refusals.describe_other([]) == f"is no model that is known; its first key is missing. {SUPPORTED}"


def test_the_keys_of_a_model_say_nothing_against_it() -> None:
    names = [
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight",
        "v_pred",
        "model_ema.decay",
    ]
    assert refusals.describe_unfit(names) is None
