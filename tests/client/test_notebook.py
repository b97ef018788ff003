"""A job in a notebook: the HTML of its card, and a real notebook whose kernel follows a real job."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from darkroom import Darkroom, JobRecord, PreviewReady
from darkroom._core.views import JobView
from darkroom.notebook import Display, JobCard
from service.settings import Settings
from tests.client import answers
from tests.harness.paths import ROOT
from tests.harness.wire.http_server import Harness, serve_in_thread
from tests.levels import integration_fixture


def card(status: str = "running", **fields: Any) -> JobCard:
    return JobCard(JobView(JobRecord.model_validate(answers.job_record(status, **fields))))


def progress(fraction: float, loading_s: float | None = None) -> dict[str, Any]:
    return {"step": 1, "steps": 4, "fraction": fraction, "loading_s": loading_s}


@pytest.mark.parametrize(
    ("made", "said", "fraction"),
    [
        (card("queued", queue_position=3), "queued · 3 before it", 0.0),
        (card("queued", progress=progress(0.0, 12.4)), "queued · loading the model, about 12 s", 0.0),
        (card(progress=progress(0.25), eta_s=3.2), "running · step 1 of 4 · about 3 s left", 0.25),
        (card("succeeded"), "succeeded", 1.0),
        (card("failed", error={"code": "c", "message": "Too <large>."}), "failed · Too &lt;large&gt;.", 0.0),
    ],
)
def test_the_card_says_how_the_job_is(made: JobCard, said: str, fraction: float) -> None:
    rendered = made.render()
    assert f"</strong> {said}</div>" in rendered
    assert f'value="{fraction:.4f}"' in rendered


def test_a_preview_and_then_the_image_take_the_place_of_the_empty_tile() -> None:
    made = card()
    assert "<img" not in made.render()
    preview = {"index": 0, "step": 1, "mime": "image/png", "b64": answers.b64_png()}
    made.update(PreviewReady.model_validate_json(json.dumps(preview)))
    assert f'<img src="data:image/png;base64,{answers.b64_png()}"' in made.render()
    made.put(0, b"RIFF....WEBP")
    assert 'src="data:image/webp;base64,' in made.render()
    assert "seed 7" in made.render()


def test_a_place_has_the_proportions_of_its_image_and_is_gone_where_none_was_made() -> None:
    wide = {**answers.job_record()["request"], "width": 128, "height": 64}
    assert "aspect-ratio:128/64" in card(request=wide).render()
    assert "<figure" not in card("canceled", request=wide).render()


def test_a_prompt_stays_text() -> None:
    request = {**answers.job_record()["request"], "prompts": ['"><script>alert(1)</script>']}
    made = card(request=request)
    made.put(0, answers.png())
    assert "<script" not in made.render()
    assert "&lt;script&gt;" in made.render()


def test_without_ipython_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(ImportError, match=r"darkroom-client\[notebook\]"):
        Display(card())


@pytest.fixture
@integration_fixture
def server() -> Iterator[Harness]:
    yield from serve_in_thread(Settings(port=0, admin_port=None))


def test_a_notebook_shows_previews_progress_and_images(
    server: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.engine.step_s = 0.02
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "client"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    source = f"""
from darkroom import Darkroom
client = Darkroom(base_url="{server.url}")
job = client.jobs.submit(prompt="a red circle", n=2, seed=7, steps=5, previews=3)
job.show()
job.images[0]
"""
    v4: Any = nbformat.v4  # Its functions have no types.
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown, image = notebook.cells[0].outputs
    assert "succeeded" in shown["data"]["text/html"]
    assert re.findall(r"seed (\d+)", shown["data"]["text/html"]) == ["7", "8"]
    assert shown["data"]["text/html"].count('src="data:image/webp;base64,') == 2
    assert "image/png" in image["data"]
    with Darkroom(base_url=server.url) as client:
        assert [job.status for job in client.jobs.list()] == ["succeeded"]
