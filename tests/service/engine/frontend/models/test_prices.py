"""The price of an image includes the load of its model, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.fake import INFO
from service.engine.config import WorkerConfig
from service.engine.frontend.device_worker import DeviceWorker
from service.engine.frontend.inflight import InFlightImages
from service.engine.frontend.models.prices import Prices
from service.engine.frontend.models.served_models import ServedModels
from service.engine.messages import ModelState, Submit
from service.engine.types import ModelStatus
from tests.harness.engine.handles import make_handle, make_ready
from tests.harness.engine.recording_link import RecordingLink
from tests.harness.engine.worker_harness import flat_costs, make_params

SECOND = replace(INFO, name="second")
IMAGE = replace(make_params(), model="second")


class PricesHarness:
    def __init__(self) -> None:
        self.worker = DeviceWorker(0, RecordingLink(), WorkerConfig(model="fake"))
        self.worker.serve(make_ready(flat_costs(16)))
        self.served = ServedModels([self.worker])
        self.served.learn((INFO, SECOND))
        self.in_flight = InFlightImages()
        self.prices = Prices(self.served, [self.worker], self.in_flight)

    def prices_s(self, *models: str) -> list[float]:
        return self.prices.prices_s(self.prices.plans([replace(make_params(), model=model) for model in models]))


@pytest.fixture
def harness() -> PricesHarness:
    harness = PricesHarness()
    harness.worker.models["second"] = ModelState("second", ModelStatus.DISK, wait_s=8.0)
    return harness


def test_the_first_image_of_a_model_that_must_be_loaded_pays_for_the_load(harness: PricesHarness) -> None:
    first, second, third = harness.prices_s("", "second", "second")

    assert second == pytest.approx(third + 8.0)
    assert first < 8.0


def test_a_load_that_an_image_in_flight_pays_for_is_not_paid_again(harness: PricesHarness) -> None:
    plans = harness.prices.plans([IMAGE])
    harness.in_flight.add_job(make_handle("job"), [Submit("job.0", IMAGE)], plans, [1.0], now_s=0.0)

    assert harness.prices_s("second")[0] < 8.0


def test_a_resident_model_costs_no_load(harness: PricesHarness) -> None:
    harness.worker.models["second"] = ModelState("second", ModelStatus.RESIDENT)

    assert harness.prices_s("second")[0] < 8.0


def test_images_take_at_least_the_load_of_their_model(harness: PricesHarness) -> None:
    assert harness.prices.least_s([IMAGE]) > 8.0
