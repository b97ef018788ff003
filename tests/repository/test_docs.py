"""The documents name tests, files, routes, errors and fields that exist, and miss none that they must have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service import errors
from service.server.app import create_app
from service.settings import Settings
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.paths import ROOT


@pytest.mark.parametrize("page", ["reliability.md", "security.md"])
def test_every_test_that_a_page_names_exists(page: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / page).read_text()))
    written = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }

    assert len(named) > 20
    assert named - written == set()


def test_the_page_on_models_names_tests_that_exist_and_their_tolerances() -> None:
    page = (ROOT / "docs" / "models.md").read_text()
    rows = re.findall(r"^\|.*\| ((?:`[\w/]+\.py`(?:, )?)+) \| (.+) \|$", page, re.MULTILINE)
    tests = ROOT / "tests" / "pipelines" / "families"

    assert len(rows) > 10
    for files, tolerances in rows:
        content = "".join((tests / file).read_text() for file in re.findall(r"`([^`]+)`", files))
        assert [each for each in re.findall(r"\de-\d", tolerances) if each not in content] == [], files


def test_links_between_documents_lead_somewhere() -> None:
    folders = (ROOT, ROOT / "client", ROOT / "tests")
    documents = [*(page for folder in folders for page in folder.glob("*.md")), *(ROOT / "docs").rglob("*.md")]
    broken = {
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#\s]+)", document.read_text())
        if "://" not in target and not (document.parent / target).exists()
    }

    assert broken == set()


def routes(data_dir: Path) -> set[str]:
    """Returns method and path of every route in the schema."""
    paths = create_app(Settings(data_dir=data_dir), FakeEngine()).openapi()["paths"]
    return {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}


def test_the_page_on_the_api_has_every_route_and_no_other(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    named = set(re.findall(r"^\| `([A-Z]+ /[^`?]*)`", page, re.MULTILINE))
    named |= set(re.findall(r"`((?:GET|POST|DELETE) /(?:livez|readyz))`", page))

    assert named - {"GET /health"} == routes(tmp_path)


def test_the_page_on_the_api_has_every_error_with_its_status_and_no_other() -> None:
    table = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    raised = {(str(kind.status), kind.code) for kind in kinds if issubclass(kind, errors.DarkroomError)}

    assert set(table) - {("405", "method_not_allowed")} == raised


def test_the_page_on_the_api_has_every_field_of_a_request(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    paths = create_app(Settings(data_dir=tmp_path), FakeEngine()).openapi()["paths"]
    operations = [operation for methods in paths.values() for operation in methods.values()]
    bodies = [
        operation["requestBody"]["content"]["application/json"]["schema"]
        for operation in operations
        if "requestBody" in operation
    ]
    fields = {name for body in bodies for name in body["properties"]}

    assert len(fields) > 20
    assert {name for name in fields if f"`{name}`" not in page and f'"{name}"' not in page} == set()
