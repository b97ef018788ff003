"""A request is sent once, to the checked address, with the host's name; whatever the receiver does, it ends in time."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

import pytest

from service.webhooks.sending.network import Resolve
from service.webhooks.sending.sender import Answer, Sender
from service.webhooks.sending.targets import Target
from tests.harness.wire.webhook_receiver import Receiver

HEADERS = {"webhook-id": "msg_a"}


def at(receiver: Receiver, host: str = "hooks.internal", *, scheme: str = "http", allowed: bool = True) -> Target:
    return Target(scheme, host, receiver.port, "/in?a=b", allowed)


def to(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[str]:
        if not addresses:
            raise OSError
        return addresses

    return resolve


async def test_the_receiver_gets_the_body_with_the_hosts_name(receiver: Receiver) -> None:
    answer = await Sender(to("127.0.0.1")).post(at(receiver), HEADERS, b"{}")

    (received,) = receiver.received
    assert answer == Answer(204)
    assert (received.path, received.body) == ("/in?a=b", b"{}")
    assert received.headers["host"] == f"hooks.internal:{receiver.port}"
    assert received.headers["webhook-id"] == "msg_a"


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.statuses, receiver.location = [302], receiver.url

    assert await Sender(to("127.0.0.1")).post(at(receiver), HEADERS, b"{}") == Answer(302)
    assert len(receiver.received) == 1


async def test_an_endless_answer_is_left_after_its_status(receiver: Receiver) -> None:
    receiver.statuses, receiver.endless = [200], True

    assert await Sender(to("127.0.0.1")).post(at(receiver), HEADERS, b"{}") == Answer(200)


async def test_a_receiver_that_hangs_is_left_in_time(receiver: Receiver) -> None:
    receiver.statuses = [0]

    answer = await Sender(to("127.0.0.1"), timeout_s=0.1).post(at(receiver), HEADERS, b"{}")

    assert answer == Answer(None, "The receiver did not answer in time.")


async def test_a_listener_on_an_inner_address_hears_nothing(receiver: Receiver) -> None:
    for addresses in (("127.0.0.1",), ("::ffff:127.0.0.1",), ("127.0.0.1", "1.1.1.1")):
        answer = await Sender(to(*addresses)).post(at(receiver, allowed=False), HEADERS, b"{}")
        assert answer == Answer(None, "The host has an address that is not public.")

    assert receiver.received == []


@pytest.mark.parametrize(
    ("scheme", "addresses", "error"),
    [
        ("http", (), "The host has no address."),
        ("https", ("127.0.0.1",), "The receiver's certificate was not accepted."),
    ],
)
async def test_why_there_was_no_answer_is_told(
    receiver: Receiver, scheme: str, addresses: tuple[str, ...], error: str
) -> None:
    sender = Sender(to(*addresses), tls=ssl.create_default_context())

    assert await sender.post(at(receiver, scheme=scheme), HEADERS, b"{}") == Answer(None, error)


async def test_a_closed_port_is_told(receiver: Receiver) -> None:
    closed = Target("http", "hooks.internal", 1, "/", True)

    answer = await Sender(to("127.0.0.1")).post(closed, HEADERS, b"{}")

    assert answer == Answer(None, "The receiver could not be connected to.")
