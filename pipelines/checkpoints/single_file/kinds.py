"""The kinds of single files that can be read, and the configurations that ship for them."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Final

from pipelines import checkpoints

CONFIGS: Final = Path(checkpoints.__file__).with_name("configs")
"""The folder of the bundled configurations. Its README says where they come from."""
TOKENIZER_FILES: Final = {name: CONFIGS / "tokenizer" / name for name in ("vocab.json", "merges.txt")}
"""The files that all tokenizers of these models share, by their names."""

UNET: Final = "model.diffusion_model."
"""The prefix of the UNet's keys in a file that holds a whole model."""


class Kind(enum.Enum):
    """A kind of model. The value is the name of its folder in `CONFIGS`."""

    SD1 = "sd1"
    SD1_INPAINTING = "sd1_inpainting"
    SD1_INSTRUCT = "sd1_instruct"
    SD2_BASE = "sd2_base"
    SD2_V = "sd2_v"
    SD2_INPAINTING = "sd2_inpainting"
    SDXL = "sdxl"
    SDXL_INPAINTING = "sdxl_inpainting"
    SDXL_REFINER = "sdxl_refiner"
    PLAYGROUND_V2_5 = "playground_v2_5"

    @property
    def configs(self) -> Path:
        """The folder with the kind's configurations, in the diffusers layout and without weights."""
        return CONFIGS / self.value

    @property
    def label(self) -> str:
        """The name for people."""
        return _LABELS[self]


_LABELS: Final = {
    Kind.SD1: "Stable Diffusion 1.x",
    Kind.SD1_INPAINTING: "Stable Diffusion 1.x inpainting",
    Kind.SD1_INSTRUCT: "Stable Diffusion 1.x InstructPix2Pix",
    Kind.SD2_BASE: "Stable Diffusion 2.x (predicts noise)",
    Kind.SD2_V: "Stable Diffusion 2.x (predicts v)",
    Kind.SD2_INPAINTING: "Stable Diffusion 2.x inpainting",
    Kind.SDXL: "Stable Diffusion XL",
    Kind.SDXL_INPAINTING: "Stable Diffusion XL inpainting",
    Kind.SDXL_REFINER: "Stable Diffusion XL refiner",
    Kind.PLAYGROUND_V2_5: "Playground v2.5",
}
