"""Lists what is in the container images as CycloneDX: `python -m scripts.supply_chain.sbom FOLDER`, or `make sbom`.

One file for each target of deploy/Dockerfile: the base image by its digest, each locked package with the SHA-256 of its
wheels, and the packages that the page's build contains. What the base image holds is its own maker's to list, and a
compiler that the target cuda takes from Debian is not locked.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from scripts.lock import LOCKS, ROOT, Locked, parse
from scripts.release import current_version

TARGETS: Final[Mapping[str, Sequence[str]]] = {
    "cpu": ("torch-cpu", "darkroom"),
    "cuda": ("torch-cuda", "darkroom"),
}
"""The locks of each target of the Dockerfile."""
_BASE: Final = re.compile(
    r"^ARG PYTHON_IMAGE=(?P<place>\S+)/(?P<name>[^/:]+):(?P<tag>\S+)@sha256:(?P<digest>\w+)$", re.MULTILINE
)


def list_of(target: str, root: Path = ROOT) -> Bom:
    """The components of the image of a target."""
    bom = Bom()
    image = Component(
        name="darkroom",
        version=str(current_version(root)),
        type=ComponentType.CONTAINER,
        bom_ref=f"darkroom:{target}",
        description=f"Darkroom's container image {target}",
    )
    components = [*_base(root), *_packages(target), *_of_page(root)]
    bom.metadata.component = image
    bom.components.update(components)
    bom.register_dependency(image, components)
    return bom


def _base(root: Path) -> Iterator[Component]:
    found = _BASE.search((root / "deploy" / "Dockerfile").read_text())
    assert found is not None, "the Dockerfile names its base by a digest"
    where = {"repository_url": f"{found['place']}/{found['name']}", "tag": found["tag"]}
    yield _component(
        PackageURL("oci", None, found["name"], f"sha256:{found['digest']}", where),
        type=ComponentType.CONTAINER,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=found["digest"])],
    )


def _packages(target: str) -> Iterator[Component]:
    for lock in TARGETS[target]:
        for name, locked in parse((LOCKS / f"{lock}.txt").read_text()).items():
            yield _package(name, locked)


def _package(name: str, locked: Locked) -> Component:
    purl = PackageURL("pypi", None, name, locked.version)
    wheels = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(purl)),
        comment="Any one of these wheels",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each.removeprefix("sha256:")) for each in locked.hashes],
    )
    return _component(purl, external_references=[wheels])


def _of_page(root: Path) -> Iterator[Component]:
    packages: dict[str, dict[str, Any]] = json.loads((root / "web" / "package-lock.json").read_text())["packages"]
    for path, package in packages.items():
        if path and not package.get("dev"):
            scope, _, name = path.rpartition("node_modules/")[2].rpartition("/")
            digest = base64.b64decode(package["integrity"].removeprefix("sha512-")).hex()
            yield _component(
                PackageURL("npm", scope or None, name, package["version"]),
                hashes=[HashType(alg=HashAlgorithm.SHA_512, content=digest)],
            )


def _component(purl: PackageURL, **fields: Any) -> Component:
    given = {"type": ComponentType.LIBRARY, **fields}
    return Component(name=purl.name, group=purl.namespace, version=purl.version, purl=purl, bom_ref=str(purl), **given)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for target in TARGETS:
        file = folder / f"darkroom-{target}.cdx.json"
        file.write_text(JsonV1Dot6(list_of(target)).output_as_string(indent=2) + "\n")
        sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
