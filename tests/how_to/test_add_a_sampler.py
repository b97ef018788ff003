"""The page about adding a sampler works: its code, applied to a copy of the source, gives a sampler that draws."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.paths import ROOT

PAGE = (ROOT / "docs" / "how-to" / "add-a-sampler.md").read_text()
CHANGE = re.compile(r"(?ms)in `(?P<file>[^`]+)`:\n\n```diff\n(?P<lines>.*?)```$")
COMMAND = re.compile(r"(?ms)^```sh\npython (?P<arguments>.*?)\n```$")

FIND_AND_DRAW = """
from pathlib import Path
import pipelines
from pipelines.fake import FakePipeline
from pipelines.interface import finish_or_raise
from pipelines.params import GenerationParams
from pipelines.sampling import samplers

assert Path(pipelines.__file__).is_relative_to(Path.cwd()), pipelines.__file__
names = ["dpm++_2s", "DPM++ 2S", "DPM++ 2S Karras", "k_dpmpp_2s", "dpmpp-2s", "sample_dpmpp_2s"]
assert {samplers.find(name).sampler.name for name in names} == {"dpm++_2s"}
assert list(samplers.SAMPLERS)[-1] == "dpm++_2s"
assert samplers.find("DPMSolverSinglestepScheduler").sampler.name == "dpm++_sde"

pipeline = FakePipeline()
params = GenerationParams(
    prompt="a circle", width=64, height=64, steps=3, guidance_scale=2.0, seed=1, sampler="dpm++_2s"
)
state = pipeline.begin(params, pipeline.encode(pipeline.texts(params)))
while state.next_call is not None:
    finish_or_raise(pipeline.advance([state], pipeline.predict([state])))
assert len(pipeline.decode([state])[0].pixels) == 64 * 64 * 3
"""


@pytest.fixture(scope="module")
def extended_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source to which the page was applied."""
    copy = tmp_path_factory.mktemp("source")
    for folder in ("benchmarks", "pipelines", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "bundled"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    changes = list(CHANGE.finditer(PAGE))
    assert len(changes) == 2
    for change in changes:
        apply(copy / change["file"], change["lines"].splitlines(keepends=True))
    return copy


def apply(path: Path, lines: list[str]) -> None:
    """Apply the lines of a unified diff, which begin with a space, a minus or a plus."""
    before = "".join(line[1:] for line in lines if line[0] != "+")
    after = "".join(line[1:] for line in lines if line[0] != "-")
    text = path.read_text()
    assert text.count(before) == 1, before
    path.write_text(text.replace(before, after))


def run_python(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_new_sampler_is_found_by_every_name_and_draws(extended_source: Path) -> None:
    run_python(extended_source, "-c", FIND_AND_DRAW)


def test_the_new_sampler_passes_the_tests_that_the_page_names(extended_source: Path) -> None:
    (command,) = COMMAND.finditer(PAGE)

    run_python(extended_source, *command["arguments"].replace('"', "").split())
