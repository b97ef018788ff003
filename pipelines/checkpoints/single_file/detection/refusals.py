"""Says what a safetensors file is when it is no model that can be served, by its keys, and what to do instead."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

SUPPORTED: Final = "Stable Diffusion 1.x, 2.x and XL are supported."
_ADAPTER: Final = "It changes a model and is none itself: name the file of a model."
_OVERRIDE: Final = "and no whole model. Name the file of a model, and this one in the settings file beside that, as"

_UNFIT: Final = (
    (r"\.(absmax|quant_map|quant_state\.|nested_absmax)", f"was quantized with bitsandbytes. {SUPPORTED}"),
    (r"(time_stack|motion_modules?|temporal_transformer)\.", f"is a video model or a part of one. {SUPPORTED}"),
    (r"^edm_vpred\.sigma_max$", f"is a CosXL model, which has continuous timesteps. {SUPPORTED}"),
    (r"^noise_augmentor\.", f"is an unCLIP model, which needs the embedding of an image. {SUPPORTED}"),
)
"""Keys of files that may have a UNet like those that are supported and yet cannot be served."""

_OTHERS: Final = (
    (r"(^lora_(unet|te\d?)_|\.lora_(A|B|up|down)\b|\.hada_w1_a$|\.lokr_w1)", f"is a LoRA. {_ADAPTER}"),
    (r"(^|\.)double_blocks\.\d+\.", f"is a FLUX model or one that is built like it. {SUPPORTED}"),
    (r"(^|\.)joint_blocks\.\d+\.", f"is a Stable Diffusion 3 model. {SUPPORTED}"),
    (r"^(clip_txt_mapper|down_blocks\.\d+\.\d+\.channelwise)\.", f"is a Stable Cascade model. {SUPPORTED}"),
    (
        r"^(control_model|controlnet_cond_embedding|controlnet_down_blocks|input_hint_block|adapter)\.",
        f"is a ControlNet or a T2I adapter. {_ADAPTER}",
    ),
    (r"^(image_proj|ip_adapter)\.", f"is an IP-Adapter. {_ADAPTER}"),
    (r"^(emb_params|string_to_param|clip_[lg])(\.|$)", f"is a textual inversion. {_ADAPTER}"),
    (r"^(first_stage_model\.|vae\.)?(encoder|decoder)\.conv_in\.", f'is an autoencoder (VAE) {_OVERRIDE} "vae".'),
    (
        r"^(text_model|embeddings|transformer\.resblocks|cond_stage_model|conditioner)\.",
        f'is a text encoder {_OVERRIDE} "text_encoder" or "text_encoder_2".',
    ),
    (r"^(vision_model|visual)\.", f"is an image encoder. {SUPPORTED}"),
    (r"^(encoder\.block\.\d+\.layer|shared)\.", f"is a T5 text encoder. {SUPPORTED}"),
    (
        r"^(down_blocks|mid_block|up_blocks)\.",
        "is one part of a model in the diffusers layout. Name the folder that has the model_index.json.",
    ),
    (r"(^|\.)(rdb\d|RDB\d|residual_group|body\.\d+)\.", f"is an upscaler. {SUPPORTED}"),
    (r"(^|\.)(transformer_blocks|blocks|layers|double_layers)\.\d+\.", f"is a transformer model. {SUPPORTED}"),
)
"""Keys of files without such a UNet, the surest first."""


def describe_unfit(names: Collection[str]) -> str | None:
    """Return the rest of a sentence that begins with the file's name, or None if no key says that it is unfit."""
    return next((text for pattern, text in _UNFIT if _any(pattern, names)), None)


def describe_other(names: Collection[str]) -> str:
    """Return the rest of such a sentence for a file that has no known UNet."""
    found = next((text for pattern, text in _OTHERS if _any(pattern, names)), None)
    return found or f"is no model that is known; its first key is {min(names, default='missing')}. {SUPPORTED}"


def _any(pattern: str, names: Collection[str]) -> bool:
    return any(re.search(pattern, name) for name in names)
