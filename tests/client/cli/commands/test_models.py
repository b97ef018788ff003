"""`darkroom models`."""

from __future__ import annotations

import json

import pytest

from darkroom.cli.statuses import Status
from tests.client.cli.fake_backend import FakeBackend
from tests.harness.command import Command


@pytest.mark.parametrize("arguments", [("models",), ("models", "list")], ids=" ".join)
def test_the_models_of_this_machine_are_listed_with_their_folders(command: Command, arguments: tuple[str, ...]) -> None:
    outcome = command(*arguments, backend=FakeBackend())
    assert outcome.out == "bundled  /models/bundled\nsd       /models/sd\n"


def test_the_models_are_printed_as_json(command: Command) -> None:
    outcome = command("models", "--json", backend=FakeBackend())
    assert json.loads(outcome.out)["models"][0] == {"name": "bundled", "location": "/models/bundled"}


@pytest.mark.integration
def test_a_server_that_does_not_answer_is_reported_in_one_line(command: Command) -> None:
    outcome = command("models", "--server", "http://127.0.0.1:1")
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (Status.UNREACHABLE, "", 1)
