"""No code that is served reads or writes pickles, because a pickle runs the code that its author chose."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.paths import ROOT

FOLDERS = ("pipelines", "service", "client")
BANNED_MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "cloudpickle",
    "dill",
    "joblib",
    "shelve",
    "marshal",
    "multiprocessing",
}
BANNED_CALLS = {"torch.load", "torch.save", "np.load", "numpy.load", "yaml.load", "yaml.unsafe_load"}


def banned_names(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                yield from (name.name for name in node.names if name.name.split(".")[0] in BANNED_MODULES)
            case ast.ImportFrom():
                module = node.module or ""
                names = {f"{module}.{name.name}" for name in node.names}
                yield from names & BANNED_CALLS
                yield from (name for name in names if module.split(".")[0] in BANNED_MODULES or name in BANNED_MODULES)
            case ast.Attribute():
                yield from {ast.unparse(node)} & BANNED_CALLS


def sources() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def test_no_source_uses_pickle() -> None:
    found = {str(path.relative_to(ROOT)): name for path in sources() for name in banned_names(path.read_text("utf-8"))}

    assert len(sources()) > 10
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import os, joblib.externals",
        "from dill import loads",
        "from torch import load",
        "import torch\nweights = torch.load('x')",
        "def f():\n    from multiprocessing import Queue",
        "import torch.multiprocessing as mp\nimport multiprocessing.queues",
    ],
)
def test_banned_imports_and_calls_are_found(source: str) -> None:
    assert list(banned_names(source))
