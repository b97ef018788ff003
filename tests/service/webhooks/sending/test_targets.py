"""The URL of a webhook is read strictly, and refused where nothing may be sent to it."""

from __future__ import annotations

import pytest

from service.webhooks.sending.targets import MAX_URL, Target, parse_allowed_hosts, parse_target

ALLOWED = parse_allowed_hosts("localhost, 127.0.0.1,[::1], Hooks.Internal.")


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("https://hooks.test", Target("https", "hooks.test", 443, "/", False), "hooks.test"),
        ("HTTPS://Hooks.Test./in?a=b%20c&d", Target("https", "hooks.test", 443, "/in?a=b%20c&d", False), "hooks.test"),
        ("https://hooks.test:8443?a", Target("https", "hooks.test", 8443, "/?a", False), "hooks.test:8443"),
        ("https://1.1.1.1/", Target("https", "1.1.1.1", 443, "/", False), "1.1.1.1"),
        ("https://[2606:4700::1]:444/", Target("https", "2606:4700::1", 444, "/", False), "[2606:4700::1]:444"),
        ("http://localhost:8000/in", Target("http", "localhost", 8000, "/in", True), "localhost:8000"),
        ("http://[0:0::1]/in", Target("http", "::1", 80, "/in", True), "[::1]"),
        ("https://hooks.internal/", Target("https", "hooks.internal", 443, "/", True), "hooks.internal"),
        ("https://xn--bcher-kva.example/", Target("https", "xn--bcher-kva.example", 443, "/", False), None),
    ],
)  # fmt: skip
def test_a_url_is_taken_apart(url: str, target: Target, authority: str | None) -> None:
    assert parse_target(url, ALLOWED) == target
    assert authority in (None, target.authority)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.test",
        "ftp://hooks.test/",
        "file:///etc/passwd",
        "https:///in",
        "https://user@hooks.test/",
        "https://user:password@hooks.test/",
        "https://hooks.test\\@127.0.0.1/",
        "https://hooks.test/#fragment",
        "https://hooks.test/a b",
        "https://hooks.test/\r\nHost: other",
        "https://hooks.test:0/",
        "https://hooks.test:65536/",
        "https://hooks.test:+80/",
        "https://bücher.example/",
        "https://hooks.test/ü",
        "https://[::1%25eth0]/",
        "https://[hooks.test]/",
        " https://hooks.test/",
        f"https://hooks.test/{'x' * MAX_URL}",
        "http://hooks.test/",
        "http://127.0.0.2/",
        "https://127.0.0.2/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.01/",
        "https://8.8.8.08/",
        "https://134744072/",
        "https://1.1.1.1.1/",
        "https://256.1.1.1/",
        "https://hooks.0x7f/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fe80::1]/",
        "https://169.254.169.254/latest/meta-data/",
    ],
    ids=lambda url: repr(url[:40]),
)
def test_what_nothing_may_be_sent_to_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"^must ") as refused:
        parse_target(url, ALLOWED)
    assert not url or url not in str(refused.value)


@pytest.mark.parametrize("text", ["https://hooks.test", "hooks.test:80", "a b", "*", "127.1", "[::g]", "-"], ids=repr)
def test_allowed_hosts_are_names_and_addresses_alone(text: str) -> None:
    with pytest.raises(ValueError, match=r"hooks\.internal"):
        parse_allowed_hosts(text)
