"""Requests with something wrong: hostile values in every place of a legal one, and bytes that are no request."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

JOB: Final = "job_" + "a" * 26
ROUTES: Final[Sequence[tuple[str, str]]] = (
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/darkroom-fake"),
    ("POST", "/v1/images/generations"),
    ("POST", "/v1/images/edits"),
    ("POST", "/v1/images/variations"),
    ("POST", "/openai/deployments/darkroom-fake/images/generations?api-version=1"),
    ("POST", "//images/edits/"),
    ("POST", "/sdapi/v1/txt2img"),
    ("POST", "/sdapi/v1/img2img"),
    ("POST", "/sdapi/v1/png-info"),
    ("POST", "/sdapi/v1/options"),
    ("POST", "/sdapi/v1/interrupt"),
    ("GET", "/sdapi/v1/options"),
    ("GET", "/sdapi/v1/progress?skip_current_image=1"),
    ("GET", "/sdapi/v1/sd-models"),
    ("POST", "/internal/progress"),
    ("GET", "/api/v1/capabilities"),
    ("GET", "/api/v1/jobs?limit=3"),
    ("POST", "/api/v1/jobs"),
    ("GET", f"/api/v1/jobs/{JOB}"),
    ("DELETE", f"/api/v1/jobs/{JOB}"),
    ("POST", f"/api/v1/jobs/{JOB}/cancel"),
    ("GET", f"/api/v1/jobs/{JOB}/events"),
    ("GET", f"/api/v1/events?job={JOB}"),
    ("GET", f"/api/v1/jobs/{JOB}/images/0"),
    ("GET", f"/api/v1/jobs/{JOB}/images/0/thumbnail"),
    ("POST", f"/api/v1/jobs/{JOB}/images/0/links"),
    ("POST", "/"),
    ("POST", "/hf"),
    ("POST", "/hf/models/darkroom-fake"),
    ("POST", "/replicate/v1/predictions"),
    ("POST", "/replicate/v1/models/darkroom/darkroom-fake/predictions"),
    ("GET", "/replicate/v1/models/darkroom/darkroom-fake"),
    ("GET", "/replicate/v1/models/darkroom/darkroom-fake/versions/x"),
    ("GET", "/replicate/v1/predictions?cursor=x"),
    ("GET", f"/replicate/v1/predictions/{JOB}"),
    ("POST", f"/replicate/v1/predictions/{JOB}/cancel"),
    ("GET", f"/replicate/v1/predictions/{JOB}/stream?expires=9999999999&signature=x"),
    ("POST", "/replicate/v1/files"),
    ("GET", f"/replicate/v1/files/{'0' * 64}"),
    ("GET", "/replicate/v1/webhooks/default/secret"),
    ("GET", "/api/v1/webhooks/secret"),
    ("POST", "/api/v1/webhooks/secret/rotate"),
    ("GET", "/api/v1/webhooks/deliveries?limit=3&state=failed&cursor=x"),
    ("POST", f"/api/v1/webhooks/deliveries/msg_{JOB}_succeeded/retry"),
    ("POST", "/api/v1/uploads"),
    ("GET", f"/api/v1/uploads/{'0' * 64}"),
    ("GET", f"/shared/{JOB}/0.png?expires=9999999999&signature=x"),
)
HEADERS: Final = (
    "Accept", "Accept-Encoding", "Content-Encoding", "Content-Type", "Cookie", "Expect", "Forwarded", "If-None-Match",
    "If-Range", "Idempotency-Key", "Last-Event-ID", "Origin", "Prefer", "Range", "Sec-Fetch-Site", "Transfer-Encoding",
    "Upgrade", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Prefix", "X-Forwarded-Proto", "Authorization",
    "Access-Control-Request-Headers", "Access-Control-Request-Method", "Api-Key",
)  # fmt: skip
HOSTILE: Final[Sequence[bytes]] = (
    b"", b"\0", b"%00", b"../" * 20 + b"etc/passwd", b"%2e%2e%2f" * 9, b"..%5c..%5c", b"/etc/passwd",
    b"\xff\xfe\xed\xa0\x80",
    b"%ED%A0%80", b"%", b"%zz", b"'\"><script>", b"${jndi:ldap://x}", b"{{7*7}}", b"-1", b"1e999", b"NaN", b"9" * 400,
    b"A" * 9000, b"a=b;c=d,", b'"', b"\\", b"bytes=0-,1-2", b"wait=1e9", b"*", b"//", b"\xc3\x28", b"\t", b"?#&=",
)  # fmt: skip
VALUES: Final[Sequence[str]] = (
    "null", "true", "-1", "0", "1e999", "NaN", "Infinity", "9" * 400, "1e-400", '""', r'"\ud800"', r'"\u0000"',
    '"../x"',
    "[]", "{}", r'{"\ud800":1}', r'{"\u0000":1}', "[" * 300 + "]" * 300, '"' + "x" * 5000 + '"', "[null]", '"\\"',
)  # fmt: skip
NAMES: Final = (
    "prompt", "n", "size", "seed", "width", "height", "sampler", "model", "hires", "refiner", "image", "mask",
    "strength",
    "batch_size", "n_iter", "sampler_name", "sampler_index", "scheduler", "override_settings", "enable_hr", "hr_scale",
    "init_images", "denoising_strength", "sd_model_checkpoint", "id_task", "force_task_id", "refiner_checkpoint",
    "num_inference_steps", "output_format", "priority", "deadline_s", "previews", "expires_in_s", "response_format",
    r"\ud800", r"\u0000", "", "__proto__", "x" * 300, "hires[scale]",
)  # fmt: skip


class Case(NamedTuple):
    method: str
    """The method that was meant, which decides whether an answer has a body."""
    data: bytes


def case(random: random.Random) -> Case:
    """A request with one to three things wrong."""
    method, target = random.choice(ROUTES)
    if random.random() < 0.15:
        method = random.choice(("HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "CONNECT", "BREW", "get", ""))
    headers = [(b"Host", b"localhost"), (b"Connection", b"close")]
    body = _body(random) if method in ("POST", "PUT", "PATCH") else b""
    if body:
        headers.append((b"Content-Type", _media_type(random, body)))
    raw = target.encode()
    for mutate in random.choices((_target, _headers, _nothing), k=random.randint(1, 3)):
        raw, headers = mutate(random, raw, headers)
    if body or method == "POST":
        headers.append((b"Content-Length", str(len(body) + (random.random() < 0.05)).encode()))
    head = b" ".join((method.encode(), raw, b"HTTP/1.1")) + b"\r\n"
    data = head + b"".join(b"%s: %s\r\n" % header for header in headers) + b"\r\n" + body
    return Case(method, _torn(random, data) if random.random() < 0.2 else data)


_Headers = list[tuple[bytes, bytes]]
_Mutation = Callable[[random.Random, bytes, _Headers], tuple[bytes, _Headers]]


def _target(random: random.Random, target: bytes, headers: _Headers) -> tuple[bytes, _Headers]:
    hostile = random.choice(HOSTILE)
    path, mark, query = target.partition(b"?")
    segments = path.split(b"/")
    place = random.randrange(1, len(segments))
    if mark and random.random() < 0.5:
        name = query.partition(b"=")[0]
        return path + b"?" + name + b"=" + hostile, headers
    segments[place] = random.choice((hostile, segments[place] + hostile, hostile + segments[place]))
    return b"/".join(segments) + mark + query, headers


def _headers(random: random.Random, target: bytes, headers: _Headers) -> tuple[bytes, _Headers]:
    name = random.choice(HEADERS).encode()
    return target, [*headers, (name, random.choice((*HOSTILE, b"chunked", b"gzip", b"application/json")))]


def _nothing(random: random.Random, target: bytes, headers: _Headers) -> tuple[bytes, _Headers]:
    return target, headers


def _body(random: random.Random) -> bytes:
    names = random.sample(NAMES, k=random.randint(1, 5))
    if random.random() < 0.25:
        parts = (
            b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
            % (name.encode(), random.choice((b"", b'; filename="../../x\0"')), random.choice(HOSTILE))
            for name in names
        )
        return b"".join(parts) + random.choice((b"--x--\r\n", b"--x", b""))
    fields = ",".join(f'"{name}":{random.choice(VALUES)}' for name in names)
    prompt = f'"prompt":{json.dumps("x")},"num_inference_steps":1,' if random.random() < 0.3 else ""
    return random.choice((f"{{{prompt}{fields}}}", fields, f"[{fields}]")).encode()


def _media_type(random: random.Random, body: bytes) -> bytes:
    if random.random() < 0.1:
        return random.choice((b"text/plain", b"", b"application/json; charset=\xff", b"multipart/form-data"))
    return b"multipart/form-data; boundary=x" if body.startswith(b"--x") else b"application/json"


def _torn(random: random.Random, data: bytes) -> bytes:
    """The request with bytes changed, put in, taken out or cut off."""
    torn = bytearray(data)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(torn))
        if random.random() < 0.5:
            torn[place] = random.randrange(256)
        elif random.random() < 0.5:
            torn[place:place] = random.choice(HOSTILE)
        else:
            del torn[place : place + random.randint(1, 20)]
            torn = torn or bytearray(b"\n")
    return bytes(torn)
