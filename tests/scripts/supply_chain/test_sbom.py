"""The lists of components are valid CycloneDX, and hold what the images are made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scripts.lock import LOCKS, parse
from scripts.supply_chain.sbom import TARGETS, main
from tests.deploy.files import instructions


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("sbom")
    main(folder)
    written = {path.name: path.read_text() for path in folder.iterdir()}
    for text in written.values():
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    return {target: json.loads(written[f"darkroom-{target}.cdx.json"]) for target in TARGETS}


@pytest.mark.parametrize("target", TARGETS)
def test_each_locked_package_is_listed_with_all_its_hashes(lists: dict[str, dict[str, Any]], target: str) -> None:
    listed = {each["purl"]: each for each in lists[target]["components"]}
    for lock in TARGETS[target]:
        for name, locked in parse((LOCKS / f"{lock}.txt").read_text()).items():
            (wheels,) = next(
                each["externalReferences"]
                for purl, each in listed.items()
                if purl.startswith(f"pkg:pypi/{name}@") and each["version"] == locked.version
            )
            assert {f"sha256:{each['content']}" for each in wheels["hashes"]} == set(locked.hashes)


def test_the_targets_of_the_dockerfile_are_listed_and_the_locks_that_they_install() -> None:
    assert {line.split()[-1] for line in instructions("FROM") if line.split()[0] == "server"} == set(TARGETS)
    copied = " ".join(instructions("COPY"))
    assert all(f"{lock}.txt" in copied for locks in TARGETS.values() for lock in locks)


@pytest.mark.parametrize("target", TARGETS)
def test_the_base_image_and_the_packages_of_the_page_are_listed(lists: dict[str, dict[str, Any]], target: str) -> None:
    listed = {each["purl"].partition("@")[0] for each in lists[target]["components"]}
    assert {"pkg:oci/python", "pkg:npm/preact", "pkg:npm/%40preact/signals"} <= listed
    assert not any("vite" in purl for purl in listed), "which builds the page and is not in it"


def test_everything_listed_belongs_to_the_image(lists: dict[str, dict[str, Any]]) -> None:
    for target, table in lists.items():
        (whole,) = [each for each in table["dependencies"] if each["ref"] == f"darkroom:{target}"]
        assert set(whole["dependsOn"]) == {each["bom-ref"] for each in table["components"]}
