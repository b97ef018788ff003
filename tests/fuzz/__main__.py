"""Fuzzes a server around the fake engine for as long as it is told: `python -m tests.fuzz --cases 100000 --seed 7`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from service.observability import logs
from service.settings import Settings
from tests.fuzz.campaign import fuzz
from tests.harness.wire.http_server import serving


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first case; the others count up from it")
    given = parser.parse_args()
    logs.configure("error", "json")
    folder = Path(tempfile.mkdtemp())
    settings = Settings(port=0, admin_port=None, data_dir=folder, header_timeout_s=5, body_timeout_s=5)
    with serving(settings) as server:
        findings = fuzz(server.port, range(given.seed, given.seed + given.cases))
        alive = server.client.get("/livez").is_success
    for status, count in sorted(findings.statuses.items()):
        sys.stdout.write(f"{status or 'closed'}: {count}\n")
    for failure in findings.failures:
        sys.stdout.write(f"{failure}\n")
    return 0 if alive and not findings.failures else 1


if __name__ == "__main__":
    sys.exit(main())
