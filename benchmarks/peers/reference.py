"""diffusers alone, without a server: what each class of job takes by itself, and the image that all must draw.

    python -m benchmarks.peers.reference [--repeats 3]

Prints JSON. Runs in the environment of the diffusers server; `Reference.from_json` reads the result anywhere.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.peers.pipeline import ImageRequest, Renderer
from benchmarks.workload import DEFAULT_MIX, Job, JobClass, Mix

FIXED_JOB: Final = Job("a red circle on a white background", 20, 4.0, (128, 128), seed=7)
"""What every server is asked for first, to be compared."""

_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Reference:
    solo_s: Mapping[JobClass, float]
    """Median seconds of a job alone, from prompt to PNG file, by class."""
    image: bytes
    """PNG file of `FIXED_JOB`."""
    versions: Mapping[str, str]

    @property
    def capacity(self) -> float:
        """Jobs a second, of all classes alike, one after another."""
        return len(self.solo_s) / sum(self.solo_s.values())

    @classmethod
    def from_json(cls, text: str) -> Reference:
        values = json.loads(text)
        solo_s = {JobClass(steps, guided, tuple(size)): solo for steps, guided, size, solo in values["solo_s"]}
        return cls(solo_s, base64.b64decode(values["image"]), values["versions"])

    def to_json(self) -> str:
        return json.dumps(
            {
                "solo_s": [[*kind, solo] for kind, solo in self.solo_s.items()],
                "image": base64.b64encode(self.image).decode("ascii"),
                "versions": dict(self.versions),
            }
        )


def request_of(job: Job) -> ImageRequest:
    width, height = job.size
    return ImageRequest(job.prompt, job.steps, job.guidance_scale, width, height, job.seed)


def measure(renderer: Renderer, mix: Mix, repeats: int) -> Reference:
    """Each class `repeats` times, in rounds through all of them, after a round of their sizes with few steps."""
    classes = len(mix.kinds)
    warm_up = Mix(mix.steps[:1], mix.guidance_scales, mix.sizes)
    for job in itertools.islice(warm_up.jobs(_SEED), len(warm_up.kinds)):
        renderer.render([request_of(job)])
    taken: dict[JobClass, list[float]] = {kind: [] for kind in mix.kinds}
    for job in itertools.islice(mix.jobs(_SEED), repeats * classes):
        begin_s = time.perf_counter()
        renderer.render([request_of(job)])
        taken[job.kind].append(time.perf_counter() - begin_s)
    return Reference(
        {kind: statistics.median(seconds) for kind, seconds in taken.items()},
        renderer.render([request_of(FIXED_JOB)])[0],
        _versions(),
    )


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "diffusers", "transformers")}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.reference", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--mix", help="steps, guidance scales and sizes as JSON", default=None)
    arguments = parser.parse_args()
    mix = DEFAULT_MIX if arguments.mix is None else mix_from_json(arguments.mix)
    print(measure(Renderer(), mix, arguments.repeats).to_json())


def mix_from_json(text: str) -> Mix:
    values: dict[str, Any] = json.loads(text)
    return Mix(
        tuple(values["steps"]), tuple(values["guidance_scales"]), tuple((size[0], size[1]) for size in values["sizes"])
    )


if __name__ == "__main__":
    main()
