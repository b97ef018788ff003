"""Weights are read as AUTOMATIC1111's web UI reads them, and taken out of the prompt."""

from __future__ import annotations

import pytest

from service.api.dialects.a1111.texts.prompt_weights import plain


@pytest.mark.parametrize(
    ("prompt", "text", "ignored"),
    [
        ("a red circle", "a red circle", []),
        ("", "", []),
        ("a (red circle:1.3), blue", "a red circle, blue", ["red circle:1.3"]),
        ("(red) [blue]", "red blue", ["red:1.1", "blue:0.9091"]),
        ("((red))", "red", ["red:1.21"]),
        ("(a (house:1.5) on a [hill], sun)", "a house on a hill, sun", ["a:1.1", "house:1.65", "on a:1.1", "sun:1.1"]),
        (r"a \(red\) \[circle\] \\", "a (red) [circle] \\", []),
        (r"(a \(b\):1.2)", "a (b)", ["a (b):1.2"]),
        ("(open", "open", ["open:1.1"]),
        ("closed) ]", "closed) ]", []),
        ("(a [b) c]", "a b c", ["a:1.1", "c:0.9091"]),
        ("at 10:30) x", "at 10:30) x", []),
        ("(a:1.2.3)", "a:1.2.3)", ["a:1.2.3):1.1"]),
        ("(nothing:0)", "nothing", ["nothing:0"]),
        ("(plain:1.0)", "plain", []),
        ("(:1.2) ()", " ", []),
        ("a BREAK b, BREAKFAST", "a b, BREAKFAST", []),
        ("a cat <lora:fluffy:0.8>", "a cat", ["lora:fluffy:0.8"]),
        ("a < b, c > d", "a < b, c > d", []),
        ("größer (赤い円:1.5)", "größer 赤い円", ["赤い円:1.5"]),
    ],
)  # fmt: skip
def test_a_prompt_is_taken_apart(prompt: str, text: str, ignored: list[str]) -> None:
    found = plain(prompt)

    assert (found.text, list(found.ignored)) == (text, ignored)
    assert plain(found.escaped) == (text, ()), "what is shown is read as the same text"


def test_what_is_named_is_bounded_and_so_is_the_depth() -> None:
    many = plain(", ".join(f"({'x' * 100}{number}:1.5)" for number in range(100)))
    deep = plain("(" * 500 + "x" + ")" * 500)

    assert (len(many.ignored), max(map(len, many.ignored))) == (20, len("x" * 60 + ":1.5"))
    assert deep.text == "(" * 468 + "x" + ")" * 468
