"""The events of a job."""

from __future__ import annotations

import json
from pathlib import Path

from darkroom import ImageReady, JobEnded, JobEvent, JobRecord, PreviewReady, ProgressMade
from tests.client import answers

PREVIEW = PreviewReady.model_validate_json(
    json.dumps({"index": 1, "step": 2, "mime": "image/png", "b64": answers.b64_png()})
)


def test_a_preview_is_an_image(tmp_path: Path) -> None:
    assert PREVIEW.bytes() == answers.png()
    assert PREVIEW.save(tmp_path / "preview.png").read_bytes() == answers.png()
    assert PREVIEW.to_pil().size == (8, 8)
    assert PREVIEW._repr_png_() == answers.png()
    assert PREVIEW._repr_mimebundle_() == {"image/png": answers.b64_png()}


def test_events_are_matched_by_their_class() -> None:
    def describe(event: JobEvent[str]) -> str:
        match event:
            case ProgressMade(step=step, steps=steps):
                return f"{step} of {steps}"
            case PreviewReady(index=index):
                return f"preview of {index}"
            case ImageReady(image=image):
                return image
            case JobEnded(status=status):
                return status
            case _:
                return "?"

    ended = JobEnded(JobRecord.model_validate(answers.job_record("failed")))
    progress = ProgressMade(step=1, steps=4, fraction=0.25)
    events: list[JobEvent[str]] = [progress, PREVIEW, ImageReady("x"), ended]
    assert [describe(event) for event in events] == ["1 of 4", "preview of 1", "x", "failed"]
