"""The kinds of single files that can be read, and the configurations that ship for them."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Final

from pipelines import checkpoints

CONFIGS: Final = Path(checkpoints.__file__).with_name("configs")
"""The folder of the bundled configurations. Its README says where they come from."""
TOKENIZER_FILES: Final = tuple(CONFIGS / "tokenizer" / name for name in ("vocab.json", "merges.txt"))
"""The files that every tokenizer of these models has alike."""


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
