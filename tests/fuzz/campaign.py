"""Sends cases to a server one after another, and says which of them it did not answer as it should."""

from __future__ import annotations

import http.client
import random
import socket
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tests.fuzz.mutations import Case, case
from tests.harness.wire.raw_http import answers_in

PATIENCE_S: Final = 60.0
"""Ends a case that the server hangs in. A server's own deadlines are shorter."""
ALLOWED: Final = frozenset({501, 505})
"""A protocol version or a coding that the server does not speak (RFC 9110, 15.6.2 and 15.6.6)."""
FORBIDDEN: Final = (b"Traceback", b"/home/", b"site-packages", b" object at 0x", b"root:x:")


@dataclass
class Findings:
    statuses: Counter[int] = field(default_factory=Counter)
    """Answers by status; 0 counts connections that were closed without one."""
    failures: list[str] = field(default_factory=list)
    """A failure, and the seed of the case that caused it."""


def fuzz(port: int, seeds: range) -> Findings:
    """Sends the case of each seed."""
    findings = Findings()
    for seed in seeds:
        made = case(random.Random(seed))
        try:
            raw = answer_to(port, made)
        except TimeoutError:
            findings.failures.append(f"seed {seed}: no answer and no close: {made.data[:200]!r}")
            continue
        statuses = _statuses(raw, made.method)
        findings.statuses.update(statuses or [0])
        if any(status >= 500 and status not in ALLOWED for status in statuses):
            findings.failures.append(f"seed {seed}: {statuses}: {made.data[:200]!r}")
        if any(text in raw for text in FORBIDDEN):
            findings.failures.append(f"seed {seed}: tells too much: {raw[:400]!r}")
    return findings


def answer_to(port: int, made: Case) -> bytes:
    """Everything that the server sends until it closes. The client has closed its side after the request.

    Raises TimeoutError.
    """
    parts = []
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        try:
            connection.sendall(made.data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                parts.append(part)
        except TimeoutError:
            raise
        except OSError:
            pass  # The server closed while the client still sent.
    return b"".join(parts)


def _statuses(raw: bytes, method: str) -> list[int]:
    try:
        return [answer.status for answer in answers_in(raw, method)]
    except http.client.HTTPException:
        return []  # It was closed in the middle of an answer, as a client that sends no whole request may be.
