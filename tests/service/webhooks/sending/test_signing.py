"""Libraries of Standard Webhooks accept our signatures, with either secret while there are two."""

from __future__ import annotations

import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from service.webhooks.sending.signing import signed_headers, spelled

SECRETS = [bytes([number]) * 32 for number in range(2)]
BODY = '{"type":"job.succeeded","data":{"prompt":"é"}}'.encode()


@pytest.mark.parametrize("secret", SECRETS)
def test_a_receiver_with_either_secret_accepts_it(secret: bytes) -> None:
    headers = signed_headers("msg_a", int(time.time()), BODY, SECRETS)

    assert Webhook(spelled(secret)).verify(BODY, headers)["type"] == "job.succeeded"


def test_a_changed_body_id_or_time_an_old_one_and_another_secret_are_refused() -> None:
    now = int(time.time())
    good = signed_headers("msg_a", now, BODY, SECRETS[:1])
    receiver = Webhook(spelled(SECRETS[0]))
    for body, headers in (
        (BODY + b" ", good),
        (BODY, {**good, "webhook-id": "msg_b"}),
        (BODY, {**good, "webhook-timestamp": str(now + 1)}),
        (BODY, signed_headers("msg_a", now - 301, BODY, SECRETS[:1])),
        (BODY, signed_headers("msg_a", now, BODY, SECRETS[1:])),
    ):
        with pytest.raises(WebhookVerificationError):
            receiver.verify(body, headers)
