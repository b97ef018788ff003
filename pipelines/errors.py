"""What can go wrong with a model or an image, as the pipelines say it. Imports nothing of ours.

PipelineError
|-- ModelLoadError        a model folder that is missing, broken or refused; nothing was served
|-- InvalidParamsError    params that this model or sampler cannot honour; the message may be shown to the caller
|   `-- UnknownSamplerError
`-- SpoiledError          images that nobody may be shown
    |-- NonFiniteError    NaN or infinity in an image's latents or pixels
    `-- BlackImageError every pixel black, which is what NaN turns into on some devices
"""

from __future__ import annotations


class PipelineError(Exception):
    """Root of the tree."""


class ModelLoadError(PipelineError):
    """The model cannot be loaded; the message says which file and why, for the person who started the server."""


class InvalidParamsError(PipelineError):
    """A value that the model cannot honour. `field` names it as `GenerationParams` does."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class UnknownSamplerError(InvalidParamsError):
    """No sampler, or no schedule of the sampler, goes by that name; the message lists those that do."""


class SpoiledError(PipelineError):
    """The model's numbers went wrong for the images at `positions` of the sequence handed in.

    They may come out well from `Pipeline.begin_upcast`.
    """

    def __init__(self, positions: tuple[int, ...]) -> None:
        super().__init__(f"{type(self).__name__} at {positions}")
        self.positions = positions


class NonFiniteError(SpoiledError):
    """There is NaN or infinity among the numbers."""


class BlackImageError(SpoiledError):
    """Every value is 0. One that is dark, but for a single value, is an image."""
