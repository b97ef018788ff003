"""Errors of the pipelines. Imports nothing of ours.

PipelineError
|-- ModelLoadError        the model is missing, broken or not supported
|   |-- ManifestError        the manifest of model files cannot be read
|   `-- UnreviewedFileError  a file of the model is not one that the manifest lists
|-- InvalidParamsError    the model or the sampler cannot make an image with these parameters
|   `-- UnknownSamplerError
|-- SnapshotError         a snapshot is not one of this image, or is damaged
`-- NumericalError        the model's numbers went wrong for some images of a call
    |-- NonFiniteError    NaN or infinity in an image's latents or pixels
    `-- BlackImageError   every pixel is black, which is what NaN becomes on some devices
"""

from __future__ import annotations


class PipelineError(Exception):
    """Root of the tree."""


class ModelLoadError(PipelineError):
    """The model cannot be loaded. The message tells whoever starts the server which file is at fault, and why."""


class ManifestError(ModelLoadError):
    """The manifest of model files cannot be read. The message tells the line."""


class UnreviewedFileError(ModelLoadError):
    """A file of a model is not listed in the manifest, or has another digest than there."""


class InvalidParamsError(PipelineError):
    """The model cannot use a value of the parameters. The message may be shown to the caller."""

    def __init__(self, field: str, message: str) -> None:
        """`field` is the name of the value in `GenerationParams`."""
        super().__init__(message)
        self.field = field


class UnknownSamplerError(InvalidParamsError):
    """There is no sampler, or no schedule of the sampler, with that name. The message lists the known names."""


class SnapshotError(PipelineError):
    """An image cannot be resumed from a snapshot, which is of another image or damaged."""


class NumericalError(PipelineError):
    """The model's numbers went wrong for some images. Those images must not be shown.

    They may succeed when made again with `Pipeline.begin_upcast`.
    """

    def __init__(self, positions: tuple[int, ...]) -> None:
        """`positions` are the indexes of those images in the sequence that the call was given."""
        super().__init__(f"{type(self).__name__} at {positions}")
        self.positions = positions


class NonFiniteError(NumericalError):
    """There is NaN or infinity among the numbers."""


class BlackImageError(NumericalError):
    """Every value of the image is 0. An image with a single other value is not an error."""
