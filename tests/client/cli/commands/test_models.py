"""`darkroom models`."""

from __future__ import annotations

import pytest

from tests.client.cli.fake_backend import FakeBackend
from tests.harness.command import Command


def test_the_models_of_this_machine_are_listed_with_their_folders(command: Command) -> None:
    outcome = command("models", backend=FakeBackend())
    assert outcome.out == "bundled  /models/bundled\nsd       /models/sd\n"


@pytest.mark.integration
def test_a_server_that_does_not_answer_is_reported_in_one_line(command: Command) -> None:
    outcome = command("models", "--server", "http://127.0.0.1:1")
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (1, "", 1)
