"""The services of deploy/compose.yaml as processes on the loopback address, with the files of deploy/."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import ssl
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

from tests.deploy.files import DEPLOY, services
from tests.harness.bundled_server import free_port
from tests.harness.paths import ROOT
from tests.harness.programs.finding import find_program
from tests.harness.programs.running import answers, call, running, wait_until

_POSTGRES: Final = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)


@dataclass(frozen=True, slots=True)
class Files:
    """A copy of deploy/, set up as an operator does, in which the services run."""

    folder: Path

    @classmethod
    def set_up(cls, folder: Path) -> Files:
        shutil.copytree(DEPLOY, folder, ignore=shutil.ignore_patterns("secrets", ".env", "models"))
        call("sh", folder / "setup.sh")
        return cls(folder)

    def client(self, url: str, **options: Any) -> httpx2.Client:
        """A caller who has the key."""
        key = self.secret("api_key").read_text().strip()
        return httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120, **options)

    def secret(self, name: str) -> Path:
        return self.folder / "secrets" / name


@contextlib.contextmanager
def postgres(files: Files) -> Iterator[int]:
    """PostgreSQL that asks for the password of the secret. Yields its port."""
    account = pwd.getpwnam("postgres")
    as_postgres: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}
    initdb, server, createdb = (find_program(name, *_POSTGRES) for name in ("initdb", "postgres", "createdb"))
    # Not below pytest's folder, which is closed to other users.
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        data, password = folder / "data", folder / "password"
        shutil.copy(files.secret("database_password"), password)
        for path in (folder, password):
            os.chown(path, account.pw_uid, account.pw_gid)
        options = ("--username=darkroom", "--pwfile", password, "--auth=scram-sha-256")
        call(initdb, "--pgdata", data, *options, **as_postgres)
        command = (server, "-D", data, "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1")
        with running(command, folder / "log", **as_postgres) as process:
            client = postgres_client(files, port)
            wait_until(lambda: not _fails("psql", "--command", "SELECT 1", "postgres", env=client), name, process)
            call(createdb, "darkroom", env=client)
            yield port


def postgres_client(files: Files, port: int) -> dict[str, str]:
    """The environment in which PostgreSQL's programs reach that server."""
    password = files.secret("database_password").read_text().strip()
    return {
        "PATH": os.pathsep.join([*_POSTGRES, os.environ["PATH"]]),
        "PGHOST": "127.0.0.1",
        "PGPORT": str(port),
        "PGUSER": "darkroom",
        "PGPASSWORD": password,
    }


def _fails(*command: str, **options: Any) -> bool:
    try:
        call(*command, **options)
    except AssertionError:
        return True
    return False


@dataclass(frozen=True, slots=True)
class Server:
    """A running server of the checkout, with the variables that compose gives it."""

    port: int
    admin_port: int
    pid: int
    client: httpx2.Client
    environment: dict[str, str]


def darkroom_command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from darkroom.cli.app import main; main()", *arguments]


def _outside(value: str, files: Files) -> str:
    """A variable's value in compose.yaml, with nothing set in .env, as it is outside a container."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value).replace("/run/secrets", str(files.folder / "secrets"))


@contextlib.contextmanager
def darkroom(files: Files, data: Path, log: Path, **variables: str) -> Iterator[Server]:
    ports = {"DARKROOM_PORT": free_port(), "DARKROOM_ADMIN_PORT": free_port()}
    given = services()["cpu"]["environment"] | {name: str(port) for name, port in ports.items()}
    inside = {"DARKROOM_HOST": "127.0.0.1", "DARKROOM_ADMIN_HOST": "127.0.0.1", "DARKROOM_TRUSTED_PROXIES": "127.0.0.1"}
    folders = {"DARKROOM_DATA_DIR": str(data), "DARKROOM_CACHE_DIR": str(data / "cache")}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DARKROOM_")},
        "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}",
        "OMP_NUM_THREADS": "1",
        **{name: _outside(value, files) for name, value in given.items()},
        **(inside | folders | variables),
    }
    command = darkroom_command("serve")
    url = f"http://127.0.0.1:{ports['DARKROOM_PORT']}"
    with running(command, log, environment=environment) as process, files.client(url) as client:
        wait_until(lambda: answers(f"{url}/readyz"), f"the server of {log}", process)
        yield Server(ports["DARKROOM_PORT"], ports["DARKROOM_ADMIN_PORT"], process.pid, client, environment)


@contextlib.contextmanager
def prometheus(files: Files, server: Server, folder: Path) -> Iterator[str]:
    """Prometheus, which scrapes that server. Yields its address."""
    port = free_port()
    shutil.copytree(files.folder / "prometheus", folder)
    config = folder / "prometheus.yml"
    text = config.read_text().replace("darkroom:8001", f"127.0.0.1:{server.admin_port}")
    config.write_text(text.replace("localhost:9090", f"127.0.0.1:{port}").replace("15s", "1s").replace("10s", "1s"))
    url = f"http://127.0.0.1:{port}"
    own = [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running((find_program("prometheus"), *own), folder / "log") as process:
        wait_until(lambda: answers(f"{url}/-/ready"), "Prometheus", process)
        yield url


@dataclass(frozen=True, slots=True)
class Front:
    """Caddy, before a server: its address, and trust in its own authority alone."""

    url: str
    trust: ssl.SSLContext


@contextlib.contextmanager
def caddy(files: Files, server: Server, folder: Path) -> Iterator[Front]:
    folder.mkdir()
    https, http = free_port(), free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "SITE": "localhost",
        "UPSTREAM": f"127.0.0.1:{server.port}",
        "HTTPS_PORT": str(https),
        "HTTP_PORT": str(http),
    }
    command = (find_program("caddy"), "run", "--config", files.folder / "caddy" / "Caddyfile", "--adapter", "caddyfile")
    authority = folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    with running(command, folder / "log", environment=environment) as process:
        wait_until(authority.exists, "the certificate of Caddy", process)
        url = f"https://localhost:{https}"
        trust = ssl.create_default_context(cafile=str(authority))
        wait_until(lambda: answers(f"{url}/livez", verify=trust), "Caddy", process)
        yield Front(url, trust)
