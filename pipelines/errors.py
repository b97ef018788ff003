"""What can go wrong with a model or a picture, as the pipelines say it. Imports nothing of ours.

PipelineError
|-- ModelLoadError        a model folder that is missing, broken or refused; nothing was served
|-- InvalidParamsError    params that this model or sampler cannot honour; the message may be shown to the caller
|   `-- UnknownSamplerError
`-- NonFiniteError        NaN or infinity in a picture's latents or pixels
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


class NonFiniteError(PipelineError):
    """NaN or infinity among the numbers of the pictures at `positions` of the sequence handed in."""

    def __init__(self, positions: tuple[int, ...]) -> None:
        super().__init__("the picture's numbers are not finite")
        self.positions = positions
