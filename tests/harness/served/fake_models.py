"""The models of the fake engine: the fake pipeline's, those that a test adds, and names whose files are broken."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.fake import INFO
from pipelines.model_info import ModelInfo
from service.engine.interface import ModelWish, ServedModel
from service.engine.types import ModelStatus
from service.errors import EngineUnavailableError, ModelUnusableError, PinRefusedError, UnknownModelError


class FakeModels:
    def __init__(self) -> None:
        self.default: ModelInfo | None = INFO
        """None while the models are unknown."""
        self.others: list[ModelInfo] = []
        """Models that are not resident."""
        self.unusable: list[str] = []
        self.wishes: list[tuple[str, ModelWish]] = []
        """Each model for which something was wished, and the wish, in order."""
        self.room_for_pinned = True

    def listed(self) -> Sequence[ServedModel]:
        default = self.find("")
        return [
            ServedModel(name=default.name, info=default, status=ModelStatus.RESIDENT),
            *(ServedModel(name=info.name, info=info, status=ModelStatus.DISK, wait_s=8.0) for info in self.others),
            *(
                ServedModel(name=name, info=None, status=ModelStatus.FAILED, reason=f"/secret/{name} is broken")
                for name in self.unusable
            ),
        ]

    def find(self, name: str) -> ModelInfo:
        if self.default is None:
            raise EngineUnavailableError("The model is being loaded.", retry_after_s=5.0)
        if name in self.unusable:
            raise ModelUnusableError("The model cannot be loaded. The server's log says why.")
        for info in (self.default, *self.others):
            if name in ("", info.name, *info.aliases):
                return info
        raise UnknownModelError("No model of that name is served; GET /v1/models lists those that are.", field="model")

    def change(self, name: str, wish: ModelWish) -> None:
        if not name:
            raise UnknownModelError("No model of that name is served; GET /v1/models lists those that are.")
        full_name = name if name in self.unusable else self.find(name).name
        if wish is ModelWish.PIN and not self.room_for_pinned:
            raise PinRefusedError(f"{full_name} cannot be pinned: there is no room.")
        self.wishes.append((full_name, wish))
