"""Every line on standard error has the configured format, whoever writes it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

WRITERS = """
import logging, sys, warnings
import structlog
from service.observability import logs

logs.configure("info", sys.argv[1], process=sys.argv[2] or None)
structlog.get_logger("ours").info("hello", answer=42)
logging.getLogger("library").warning("from %s", "a library")
logging.getLogger("library").debug("too quiet")
warnings.warn("an old name", DeprecationWarning)
try:
    secret = "a prompt"
    raise ValueError("it failed")
except ValueError:
    structlog.get_logger("ours").exception("failed")
"""


def log_lines(style: str, process: str = "") -> list[str]:
    """Writes a few lines in a new process, and returns its standard error."""
    command = [sys.executable, "-W", "always", "-c", WRITERS, style, process]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()


def test_every_line_is_json_in_the_json_style() -> None:
    lines: list[dict[str, Any]] = [json.loads(line) for line in log_lines("json")]

    assert [(line["logger"], line["level"]) for line in lines] == [
        ("ours", "info"),
        ("library", "warning"),
        ("py.warnings", "warning"),
        ("ours", "error"),
    ]
    assert (lines[0]["event"], lines[0]["answer"], lines[1]["event"]) == ("hello", 42, "from a library")
    assert "ValueError: it failed" in lines[3]["exception"]
    assert "a prompt" not in lines[3]["exception"], "local variables are not logged"


def test_standard_error_that_is_not_a_terminal_gets_json_in_the_auto_style() -> None:
    assert all(json.loads(line)["timestamp"] for line in log_lines("auto"))


def test_lines_name_the_process_where_one_is_given() -> None:
    assert {json.loads(line)["process"] for line in log_lines("json", "worker")} == {"worker"}
    assert all("process" not in json.loads(line) for line in log_lines("json"))


def test_the_console_style_is_text() -> None:
    lines = log_lines("console")

    assert any("hello" in line and "answer" in line for line in lines)
    assert not any(line.startswith("{") for line in lines)


def test_a_logger_that_was_used_follows_a_later_configuration() -> None:
    script = (
        "import structlog\n"
        "from structlog.testing import capture_logs\n"
        "from service.observability import logs\n"
        "logger = structlog.get_logger('x')\n"
        "for _ in range(2):\n"
        "    logs.configure('info', 'json')\n"
        "    with capture_logs() as lines:\n"
        "        logger.info('seen')\n"
        "    assert [line['event'] for line in lines] == ['seen'], lines\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"from service.observability import logs\nlogs.configure('info', 'json')\n{script}"],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_exception_that_ends_the_process_is_its_last_line() -> None:
    done = run("import logging\nlogging.getLogger('x').info('before')\nraise ValueError('it failed')")

    before, last = (json.loads(line) for line in done.stderr.splitlines())
    assert (done.returncode, before["event"], last["level"]) == (1, "before", "critical")
    assert "ValueError: it failed" in last["exception"]


UNREAD = """
import logging, sys
for n in range(30_000):
    logging.getLogger('x').info('line %d', n)
print(logs.dropped_lines(), flush=True)
sys.stdin.readline()
"""


def test_a_pipe_that_nobody_reads_stops_nobody_who_logs_and_dropped_lines_are_counted() -> None:
    command = f"from service.observability import logs\nlogs.configure('info', 'json')\n{UNREAD}"
    with subprocess.Popen(
        [sys.executable, "-c", command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None, "Popen was called with pipes"
        dropped = int(process.stdout.readline())
        _, log = process.communicate("now it is read\n")

    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert dropped > 0
    assert events[-1] == f"{dropped} log lines were dropped here: nothing read the log for a while"
    assert len(events) == 30_000 - dropped + 1


def test_a_process_ends_though_nobody_reads_its_last_lines() -> None:
    command = f"from service.observability import logs\nlogs.configure('info', 'json')\n{UNREAD}"
    with subprocess.Popen(
        [sys.executable, "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.wait(timeout=60) == 0
