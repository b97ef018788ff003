"""Several threads may decode the first job of a process at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

_PROGRAM = """
import sys, threading
from service.jobs.store.spec_format import decode_spec, encode_spec
from tests.harness.sample_jobs import make_job

spec = make_job(images=2).spec
data, decoded = encode_spec(spec), []
barrier = threading.Barrier(6)

def decode():
    barrier.wait()
    decoded.append(decode_spec(data) == spec)

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=decode) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(decoded))
"""


@pytest.mark.parametrize("attempt", range(4))  # One process in three crashed.
def test_threads_that_decode_the_first_job_at_once_end_well(attempt: int) -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stdout.strip()) == (0, "6"), done.stderr
