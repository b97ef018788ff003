"""Types are prepared for decoding when their module is imported, which one thread does.

msgspec prepares a struct or dataclass when a decoder for it is made or it is first decoded. Where two threads are the
first at the same time, one of them meets types that are half prepared, and the process ends by a segmentation fault
(msgspec 0.22; it happened to servers that had just started). So decoders are made at the top of modules, and
`msgspec.convert` takes only types that such a decoder of its module has prepared.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.paths import ROOT

_PLAIN = {"Any", "bool", "bytes", "dict", "float", "int", "list", "None", "object", "str", "tuple"}
"""Types that need no preparation."""


def _sources() -> list[Path]:
    return [path for folder in ("pipelines", "service") for path in sorted((ROOT / folder).rglob("*.py"))]


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _is_call_of(node: ast.AST, *functions: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in functions


def _faults(tree: ast.Module) -> Iterator[str]:
    """Yields the calls that prepare a type, or might, when they run."""
    at_import = {id(part) for top in tree.body if isinstance(top, ast.Assign | ast.AnnAssign) for part in ast.walk(top)}
    prepared: set[str] = set()
    for node in ast.walk(tree):
        if _is_call_of(node, "msgspec.json.Decoder", "msgspec.msgpack.Decoder") and id(node) in at_import:
            prepared |= _names(node)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or id(node) in at_import:
            continue
        if _is_call_of(node, "msgspec.json.Decoder", "msgspec.msgpack.Decoder"):
            yield ast.unparse(node)
        given = [*node.args[1:], *(keyword.value for keyword in node.keywords if keyword.arg == "type")]
        allowed = _PLAIN | (prepared if _is_call_of(node, "msgspec.convert") else set())
        decodes = _is_call_of(node, "msgspec.json.decode", "msgspec.msgpack.decode", "msgspec.convert")
        if decodes and not all(_names(kind) <= allowed for kind in given):
            yield ast.unparse(node)


def test_no_type_is_prepared_by_whoever_decodes_first() -> None:
    faults = {str(path.relative_to(ROOT)): list(_faults(ast.parse(path.read_text()))) for path in _sources()}

    assert {path: found for path, found in faults.items() if found} == {}


@pytest.mark.parametrize(
    ("source", "is_fault"),
    [
        ("def f(data):\n    return msgspec.json.decode(data, type=Thing)", True),
        ("def f(data):\n    return msgspec.msgpack.Decoder(Thing).decode(data)", True),
        ("def f(data):\n    return msgspec.convert(data, Thing)", True),
        ("def f(data):\n    return msgspec.convert(data, dict[str, Any])", False),
        ("def f(data):\n    return msgspec.json.decode(data)", False),
        ("D: Final = msgspec.json.Decoder(list[Thing])\ndef f(data):\n    return msgspec.convert(data, Thing)", False),
        ("D = msgspec.msgpack.Decoder(Thing)\ndef f(data):\n    return D.decode(data)", False),
    ],
)
def test_the_check_tells_them_apart(source: str, is_fault: bool) -> None:
    assert bool(list(_faults(ast.parse(source)))) is is_fault
