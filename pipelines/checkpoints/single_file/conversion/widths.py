"""Reads the sizes of networks from the shapes in a single file, for files whose sizes are not those of their kind."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

Shapes = Mapping[str, tuple[int, ...]]
"""Shapes of tensors by key, without the prefix of the part."""

_HEAD_CHANNELS: Final = 64
"""Channels of an attention head. No shape tells them: all of these networks have heads of that width, except the UNet
of Stable Diffusion 1.x, which has 8 heads at every width."""


_LAYERS_USED: Final = 23
"""Layers of the text encoder that Stable Diffusion 2.x uses. Most of its files have one more, the last."""


class UnknownSizeError(ValueError):
    """The shapes do not tell a size that is needed. The text is the rest of a sentence that begins with the file."""


def read_unet(shapes: Shapes, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of the UNet: its kind's, `config`, with what the shapes say.

    `shapes` has the original keys (`input_blocks.1.0.in_layers.0.weight`). Raises `UnknownSizeError`.
    """
    levels = _find_levels(shapes)
    channels = [shapes[f"input_blocks.{level[0]}.0.out_layers.3.weight"][0] for level in levels]
    sizes = {
        "in_channels": shapes["input_blocks.0.0.weight"][1],
        "out_channels": shapes["out.2.weight"][0],
        "block_out_channels": channels,
        "layers_per_block": len(levels[0]),
        **_read_attention(shapes, levels),
    }
    _check_groups(channels, config["norm_num_groups"])
    if channels != config["block_out_channels"] and not isinstance(config["attention_head_dim"], int):
        sizes["attention_head_dim"] = _count_heads(channels)
    if "label_emb.0.0.weight" in shapes:
        sizes["projection_class_embeddings_input_dim"] = shapes["label_emb.0.0.weight"][1]
    return {**config, **sizes}


def read_autoencoder(shapes: Shapes, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of an autoencoder, filled in as by `read_unet`. Raises `UnknownSizeError`.

    `shapes` has the names of diffusers.
    """
    levels = range(_count(shapes, r"encoder\.down_blocks\.(\d+)\."))
    channels = [shapes[f"encoder.down_blocks.{each}.resnets.0.conv1.weight"][0] for each in levels]
    _check_groups(channels, config["norm_num_groups"])
    return {
        **config,
        "in_channels": shapes["encoder.conv_in.weight"][1],
        "out_channels": shapes["decoder.conv_out.weight"][0],
        "latent_channels": shapes["decoder.conv_in.weight"][1],
        "block_out_channels": channels,
        "layers_per_block": _count(shapes, r"encoder\.down_blocks\.0\.resnets\.(\d+)\."),
        "down_block_types": ["DownEncoderBlock2D" for _ in levels],
        "up_block_types": ["UpDecoderBlock2D" for _ in levels],
    }


def read_text_encoder(shapes: Shapes, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a text encoder, filled in as by `read_unet`. Raises `UnknownSizeError`.

    `shapes` has the keys of transformers, without `text_model.`.
    """
    vocabulary, width = shapes["embeddings.token_embedding.weight"]
    layers = _count(shapes, r"encoder\.layers\.(\d+)\.")
    if config["num_hidden_layers"] == _LAYERS_USED and layers != _LAYERS_USED:
        layers -= 1
    sizes = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "intermediate_size": shapes["encoder.layers.0.mlp.fc1.weight"][0],
        "vocab_size": vocabulary,
        "max_position_embeddings": shapes["embeddings.position_embedding.weight"][0],
    }
    if width != config["hidden_size"]:
        (sizes["num_attention_heads"],) = _count_heads([width])
    if "text_projection.weight" in shapes:
        sizes["projection_dim"] = shapes["text_projection.weight"][0]
    return {**config, **sizes}


def _find_levels(shapes: Shapes) -> list[list[int]]:
    """Return the numbers of the input blocks of each resolution, without those that halve it."""
    levels: list[list[int]] = [[]]
    for block in range(1, _count(shapes, r"input_blocks\.(\d+)\.")):
        if f"input_blocks.{block}.0.op.weight" in shapes:
            levels.append([])
        else:
            levels[-1].append(block)
    return levels


def _read_attention(shapes: Shapes, levels: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Read where the UNet has attention, how many transformer layers each has, and what text they take."""
    down = [[_depth(shapes, f"input_blocks.{block}") for block in level] for level in levels]
    width = len(levels[0]) + 1
    outputs = range(width * len(levels))
    up = [[_depth(shapes, f"output_blocks.{block}") for block in outputs[at : at + width]] for at in outputs[::width]]
    has_attention = [any(depths) for depths in down]
    middle = _depth(shapes, "middle_block")
    even = all(len({*ours, *theirs}) == 1 for ours, theirs in zip(down, reversed(up), strict=True))
    usual = [depths[0] or 1 for depths in down[:-1]] + [down[-1][0] or middle or 1]
    depths = {"transformer_layers_per_block": usual} if even else _uneven_depths(down, up)
    return {
        **depths,
        "down_block_types": ["CrossAttnDownBlock2D" if each else "DownBlock2D" for each in has_attention],
        "up_block_types": ["CrossAttnUpBlock2D" if each else "UpBlock2D" for each in reversed(has_attention)],
        "mid_block_type": _middle_type(shapes, middle),
        "cross_attention_dim": _find(shapes, ".attn2.to_k.weight")[1],
        "use_linear_projection": len(_find(shapes, ".proj_in.weight")) == 2,
    }


def _middle_type(shapes: Shapes, depth: int) -> str | None:
    if depth:
        return "UNetMidBlock2DCrossAttn"
    return "UNetMidBlock2D" if "middle_block.0.in_layers.0.weight" in shapes else None


def _uneven_depths(down: Sequence[Sequence[int]], up: Sequence[Sequence[int]]) -> dict[str, Any]:
    return {
        "transformer_layers_per_block": [[each or 1 for each in depths] for depths in down],
        "reverse_transformer_layers_per_block": [[each or 1 for each in depths] for depths in up],
    }


def _depth(shapes: Shapes, block: str) -> int:
    return _count(shapes, rf"{re.escape(block)}\.1\.transformer_blocks\.(\d+)\.")


def _count(shapes: Shapes, numbered: str) -> int:
    """Return one more than the largest number among the keys that begin like that, or 0."""
    return max((int(found[1]) + 1 for name in shapes if (found := re.match(numbered, name))), default=0)


def _find(shapes: Shapes, suffix: str) -> tuple[int, ...]:
    found = next((shape for name, shape in shapes.items() if name.endswith(suffix)), None)
    if found is None:
        raise UnknownSizeError("has a UNet without attention to text")
    return found


def _check_groups(channels: Sequence[int], groups: int) -> None:
    if any(each % groups for each in channels):
        raise UnknownSizeError(f"has {channels} channels, which are no multiples of {groups}")


def _count_heads(channels: Sequence[int]) -> list[int]:
    if any(each % _HEAD_CHANNELS for each in channels):
        raise UnknownSizeError(f"has {channels} channels, whose number of attention heads is not known")
    return [each // _HEAD_CHANNELS for each in channels]
