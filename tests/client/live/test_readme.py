"""The examples of the client's README and of the repository's run, and print what is printed there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.harness.bundled_server import BundledServer
from tests.harness.paths import ROOT

pytestmark = pytest.mark.timeout(600)

_EXAMPLE = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)


def examples(page: str) -> list[tuple[str, str]]:
    """The programs of a page that use the SDK, each with what it prints."""
    return [found for found in _EXAMPLE.findall((ROOT / page).read_text()) if "from darkroom import" in found[0]]


@pytest.mark.parametrize(("page", "count"), [("client/README.md", 6), ("README.md", 2)])
def test_the_examples_print_what_the_page_says(
    bundled: BundledServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    page: str,
    count: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DARKROOM_BASE_URL", bundled.url)
    found = examples(page)
    assert len(found) == count
    for job in bundled.client.get("/api/v1/jobs", params={"limit": 100}).json()["data"]:
        bundled.client.delete(f"/api/v1/jobs/{job['id']}")
    for program, printed in found:
        exec(compile(program.replace("http://127.0.0.1:8000", bundled.url), page, "exec"), {})
        assert capsys.readouterr().out == printed
