"""The image: it is built from deploy/Dockerfile, and answers a prompt as a user who can change nothing in it."""

from __future__ import annotations

import base64
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from PIL import Image as PillowImage

from tests.e2e.image import USER, Image
from tests.e2e.processes import descendants, status_of
from tests.harness.bundled_server import free_port
from tests.harness.programs.running import answers, wait_until

PROMPT = "a red circle on a white background"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def served(image: Image, data: Path, port: int, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    log = tmp_path / "log"
    variables = {"DARKROOM_HOST": "127.0.0.1", "DARKROOM_PORT": str(port), "DARKROOM_ADMIN_PORT": "0"}
    with image.served(data, log, **variables) as process:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), log.read_text() or "the server", process)
        yield process


def test_it_answers_a_prompt_where_its_variables_put_it(served: subprocess.Popen[bytes], port: int) -> None:
    body = {"prompt": PROMPT, "seed": 1}
    answer = httpx2.post(f"http://127.0.0.1:{port}/v1/images/generations", json=body, timeout=120)
    assert answer.status_code == 200
    made = PillowImage.open(io.BytesIO(base64.b64decode(answer.json()["data"][0]["b64_json"]))).convert("RGB")
    colors = {made.getpixel((0, 0)), made.getpixel((64, 64))}
    assert len(colors) == 2


def test_without_a_key_it_refuses_to_be_reached_by_others(image: Image, data: Path, tmp_path: Path, port: int) -> None:
    log = tmp_path / "log"
    with image.served(data, log, DARKROOM_PORT=str(port), DARKROOM_ADMIN_PORT="0") as process:
        assert process.wait(120) == 1
    assert "API key" in log.read_text()


def test_its_health_check_follows_the_port(
    served: subprocess.Popen[bytes], image: Image, data: Path, port: int
) -> None:
    check = image.config["Healthcheck"]["Test"]
    assert check[0] == "CMD"
    image.call(data, *check[1:], DARKROOM_PORT=str(port))
    with pytest.raises(AssertionError, match="does not answer"):
        image.call(data, *check[1:], DARKROOM_PORT=str(free_port()))


def test_server_and_worker_are_without_rights(served: subprocess.Popen[bytes]) -> None:
    darkroom = [pid for pid in descendants(served.pid) if status_of(pid)["Uid"].split() == [str(USER)] * 4]
    assert len(darkroom) >= 2
    for pid in darkroom:
        status = status_of(pid)
        assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert status["NoNewPrivs"] == "1"
        assert status["Groups"].split() == []


@pytest.mark.parametrize("folder", ["/", "/etc", "/usr/bin", "/opt/application/service", "/opt/torch", "/var/tmp"])
def test_nothing_in_it_can_be_written(image: Image, data: Path, folder: str) -> None:
    with pytest.raises(AssertionError, match=r"Read-only file system|Permission denied"):
        image.call(data, "sh", "-c", f"echo probe > {folder}/probe")


def test_its_code_could_not_be_written_even_if_the_root_could(image: Image) -> None:
    code = [path.stat() for path in (image.root / "opt").rglob("*") if not path.is_symlink()]
    assert len(code) > 1000
    assert not any(each.st_uid == USER or each.st_mode & 0o002 for each in code)


@pytest.mark.parametrize("folder", ["/data", "/tmp"])
def test_its_volume_and_tmp_can_be_written(image: Image, data: Path, folder: str) -> None:
    image.call(data, "sh", "-c", f"echo probe > {folder}/probe")


def test_it_has_postgresqls_driver_and_no_pip(image: Image, data: Path) -> None:
    image.call(data, "python", "-c", "import psycopg; psycopg.pq.version()")
    with pytest.raises(AssertionError, match="No module named pip"):
        image.call(data, "python", "-m", "pip", "--version")


def test_compiling_without_a_compiler_ends_the_start_with_one_sentence(
    image: Image, data: Path, tmp_path: Path, port: int
) -> None:
    log = tmp_path / "log"
    variables = {"DARKROOM_PORT": str(port), "DARKROOM_ADMIN_PORT": "0", "DARKROOM_COMPILE": "default"}
    with image.served(data, log, DARKROOM_HOST="127.0.0.1", **variables) as process:
        assert process.wait(120) == 1
    assert "Compiling for the CPU needs a C++ compiler, and none was found: install g++" in log.read_text()
