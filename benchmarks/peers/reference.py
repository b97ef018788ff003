"""Measures diffusers alone, without a server: the solo time of each class, and the reference image.

    python -m benchmarks.peers.reference [--repeats 3]

It prints JSON, which `Reference.from_json` reads. It runs in the environment of the diffusers server.
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

from benchmarks.peers.pipeline import PeerRequest, Renderer
from benchmarks.workload import DEFAULT_MIX, Mix, Request, RequestClass

FIXED_REQUEST: Final = Request("a red circle on a white background", 20, 4.0, (128, 128), seed=7)
"""The request whose image every server must reproduce."""

_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Reference:
    """The results that all servers are compared with."""

    solo_s: Mapping[RequestClass, float]
    """Median seconds from prompt to PNG file on an idle machine, by class."""
    image: bytes
    """The PNG file of `FIXED_REQUEST`."""
    versions: Mapping[str, str]
    """Versions of torch, diffusers and transformers."""

    @property
    def capacity(self) -> float:
        """Requests per second of diffusers alone, one at a time, with all classes equally frequent."""
        return len(self.solo_s) / sum(self.solo_s.values())

    @classmethod
    def from_json(cls, text: str) -> Reference:
        values = json.loads(text)
        solo_s = {RequestClass(steps, guided, tuple(size)): solo for steps, guided, size, solo in values["solo_s"]}
        return cls(solo_s, base64.b64decode(values["image"]), values["versions"])

    def to_json(self) -> str:
        return json.dumps(
            {
                "solo_s": [[*kind, solo] for kind, solo in self.solo_s.items()],
                "image": base64.b64encode(self.image).decode("ascii"),
                "versions": dict(self.versions),
            }
        )


def peer_request(request: Request) -> PeerRequest:
    """Returns the request as the peers receive it."""
    width, height = request.size
    return PeerRequest(request.prompt, request.steps, request.guidance_scale, width, height, request.seed)


def measure(renderer: Renderer, mix: Mix, repeats: int) -> Reference:
    """Measures each class `repeats` times, in rounds through all classes, after a warm-up with the fewest steps."""
    classes = len(mix.classes)
    warm_up = Mix(mix.steps[:1], mix.guidance_scales, mix.sizes)
    for request in itertools.islice(warm_up.requests(_SEED), len(warm_up.classes)):
        renderer.render([peer_request(request)])
    seconds_by_class: dict[RequestClass, list[float]] = {kind: [] for kind in mix.classes}
    for request in itertools.islice(mix.requests(_SEED), repeats * classes):
        start_s = time.perf_counter()
        renderer.render([peer_request(request)])
        seconds_by_class[request.request_class].append(time.perf_counter() - start_s)
    return Reference(
        {kind: statistics.median(seconds) for kind, seconds in seconds_by_class.items()},
        renderer.render([peer_request(FIXED_REQUEST)])[0],
        _versions(),
    )


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "diffusers", "transformers")}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.reference", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="measurements of each class")
    parser.add_argument("--mix", help="a mix as JSON: steps, guidance_scales and sizes", default=None)
    arguments = parser.parse_args()
    mix = DEFAULT_MIX if arguments.mix is None else mix_from_json(arguments.mix)
    print(measure(Renderer(), mix, arguments.repeats).to_json())


def mix_from_json(text: str) -> Mix:
    """Returns the mix that `json.dumps(dataclasses.asdict(mix))` describes."""
    values: dict[str, Any] = json.loads(text)
    return Mix(
        tuple(values["steps"]), tuple(values["guidance_scales"]), tuple((size[0], size[1]) for size in values["sizes"])
    )


if __name__ == "__main__":
    main()
