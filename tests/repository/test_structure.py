"""The shape of the source: small folders, small files, no import circles, one line a module in the code map."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from scripts import code_map
from tests.harness.paths import ROOT

MAX_MODULES = 12
MAX_LINES = 300
SOURCES = ("pipelines", "service", "client/darkroom", "benchmarks", "scripts", "tests")


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py") if ".venvs" not in path.parts)


def test_no_folder_has_more_modules_than_a_reader_can_overlook() -> None:
    counted = Counter(
        path.parent.relative_to(ROOT) for path in modules(*SOURCES) if path.name not in ("__init__.py", "conftest.py")
    )
    assert {str(folder): count for folder, count in counted.items() if count > MAX_MODULES} == {}


def test_no_file_is_too_long() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules(*SOURCES)}
    assert {path: count for path, count in lines.items() if count > MAX_LINES} == {}


def name_of(path: Path) -> str:
    relative = path.relative_to(ROOT / "client" if path.is_relative_to(ROOT / "client") else ROOT).with_suffix("")
    return ".".join(relative.parts[:-1] if relative.name == "__init__" else relative.parts)


def imported(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Modules of ours that are imported when the module is: not those that a function imports when it is called."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in known else node.module


@pytest.mark.parametrize("folders", [("pipelines", "service", "client/darkroom"), ("benchmarks",)], ids=str)
def test_no_modules_import_each_other_in_a_circle(folders: tuple[str, ...]) -> None:
    trees = {name_of(path): ast.parse(path.read_text()) for path in modules(*folders)}
    graph = {name: {each for each in imported(tree, set(trees)) if each in trees} for name, tree in trees.items()}
    assert sum(map(len, graph.values())) > len(graph) / 2, "imports were found"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_code_map_has_a_line_for_each_module_and_no_other() -> None:
    page = (ROOT / "docs" / "code-map.md").read_text()
    assert code_map.render(page) == page, "run `make docs`"


def test_the_code_map_follows_the_tree(tmp_path: Path) -> None:
    for package in code_map.PACKAGES:
        (tmp_path / package).mkdir(parents=True)
    module = tmp_path / "service" / "thing.py"
    module.write_text('"""Does a\nthing. Knows nothing else."""\n')
    page = f"Words.\n{code_map._MARK}- `gone`: It is not there.\n"

    assert code_map.render(page, tmp_path) == f"Words.\n{code_map._MARK}\n### `service/`\n\n- `thing`: Does a thing.\n"

    module.write_text("")
    with pytest.raises(ValueError, match="needs a docstring"):
        code_map.render(page, tmp_path)


WITHOUT_TESTS_OF_THEIR_OWN = {
    "benchmarks/gpu/parts/images.py": "tests/benchmarks/gpu/test_main.py",
    "benchmarks/gpu/parts/machine.py": "tests/benchmarks/gpu/test_main.py",
    "benchmarks/gpu/parts/peers.py": "tests/benchmarks/gpu/test_main.py",
    "benchmarks/peers/apps": "each runs in an environment that the tests do not have",
    "benchmarks/store/servers/serve.py": "tests/benchmarks/store/servers/test_running.py, which starts it",
    "benchmarks/fake_worker.py": "tests/benchmarks/test_devices.py, which starts it",
    "client/darkroom/_sync": "is generated from _async, whose tests are of both",
    "pipelines/errors.py": "values",
    "pipelines/interface.py": "values, and protocols that each implementation's tests hold",
    "pipelines/families/latent_diffusion/state.py": "tests of the pipeline beside it",
    "service/api/dialects/openai/schemas.py": "tests/service/api/dialects/openai/test_starts.py",
    "service/cli/checks/findings.py": "values",
    "service/engine/worker/device.py": "values",
    "service/errors.py": "values",
    "service/cli/store.py": "tests/service/cli/test_key_store.py",
    "service/jobs/store/webhooks.py": "tests/service/webhooks/test_outbox.py",
    "service/server/connections/framed_protocol.py": "tests/service/server/connections/test_protocol.py",
    "service/jobs/records.py": "values",
    "service/jobs/store/uploads.py": "tests/service/jobs/test_upload_records.py",
    "service/jobs/store/statements.py": "tests of the modules that make the statements",
}
"""Modules with logic and without a test file of their own, and where they are tested."""


def has_logic(path: Path) -> bool:
    """Returns whether the module has a function with more to it than a docstring, as a protocol's methods have."""
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not all(isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) for part in node.body)
        for node in ast.walk(ast.parse(path.read_text()))
    )


def test_each_module_with_logic_has_its_test_file() -> None:
    missing = set()
    for path in modules("pipelines", "service", "client/darkroom", "benchmarks"):
        relative = path.relative_to(ROOT)
        exempt = any(relative.is_relative_to(each) for each in WITHOUT_TESTS_OF_THEIR_OWN)
        if path.name == "__init__.py" or "versions" in relative.parts or exempt or not has_logic(path):
            continue
        folder = ROOT / "tests" / Path(*relative.parts[:-1]).as_posix().replace("client/darkroom", "client")
        if not any(folder.glob(f"test_{path.stem.strip('_')}*.py")):
            missing.add(str(relative))
    assert missing == set()
