"""The settings of the listeners: their addresses, and the bounds of connections."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from service.api.edge.addresses import parse_public_url
from service.api.edge.hosts import parse_host_names
from service.api.edge.origins import parse_origins
from service.api.edge.proxies import parse_trusted_proxies
from service.setting_groups.fields import (
    Count,
    FileForm,
    FileMode,
    OptionalFile,
    OptionalPort,
    Port,
    Seconds,
    Section,
    checked,
    setting,
)

PublicUrl = Annotated[str, checked(parse_public_url)]
HostNames = Annotated[str, checked(parse_host_names)]
Origins = Annotated[str, checked(parse_origins)]
Proxies = Annotated[str, checked(parse_trusted_proxies)]


class EdgeSettings(BaseSettings):
    """The part of `service.settings.Settings` that decides who reaches the server, and how."""

    host: str = setting(
        "127.0.0.1",
        "Address of the API, or several separated by commas. 0.0.0.0 makes the API reachable from other machines, and "
        ":: also over IPv6. Both require an API key.",
        Section.LISTEN,
        "ADDRESS",
        in_file=FileForm.LIST,
    )
    port: Port = setting(8000, "Port of the API. 0 lets the system choose.", Section.LISTEN, "PORT")
    uds: OptionalFile = setting(
        None,
        "Unix socket on which the API listens instead of an address and a port, for a proxy on the same machine.",
        Section.LISTEN,
        "PATH",
    )
    uds_mode: FileMode = setting(
        "660", "Permissions of the Unix socket, in octal. They decide who may connect.", Section.LISTEN, "MODE"
    )
    admin_host: str = setting(
        "127.0.0.1",
        "Address of the second listener, or several separated by commas. This listener serves /metrics and probes, "
        "loads and unloads models, and asks for no key, so keep it on an internal network.",
        Section.LISTEN,
        "ADDRESS",
        in_file=FileForm.LIST,
    )
    admin_port: OptionalPort = setting(
        8001, "Port of the second listener. With 0 or none, there is no second listener.", Section.LISTEN, "PORT"
    )
    public_url: PublicUrl | None = setting(
        None,
        "URL at which callers reach the server, for example https://images.example, or https://example.org/darkroom "
        "for a server under a path. Links begin with it. By default, they begin with the server's name as each "
        "request gives it.",
        Section.LISTEN,
        "URL",
    )
    allowed_hosts: HostNames | None = setting(
        None,
        "Names by which requests may call the server, separated by commas, in addition to localhost, IP addresses, "
        "the name on which the server listens, and the name in its public URL. *.example.org stands for all names "
        "below example.org, and * for every name. If there are no API keys, * gives every web page access.",
        Section.LISTEN,
        "NAMES",
        in_file=FileForm.LIST,
    )
    cors_origins: Origins | None = setting(
        None,
        "Origins of other web pages that may call the server with an API key and read its answers, separated by "
        "commas, for example https://chat.example or http://localhost:3000. If there are no API keys, these pages may "
        "do what everybody may do.",
        Section.LISTEN,
        "ORIGINS",
        in_file=FileForm.LIST,
    )
    trusted_proxies: Proxies | None = setting(
        None,
        "Addresses and networks of the proxies in front of the server, separated by commas; unix stands for proxies "
        "that connect through a Unix socket. The server believes X-Forwarded-* and Forwarded headers only from these "
        "proxies, and does not apply DARKROOM_MAX_CONNECTIONS_PER_ADDRESS to them.",
        Section.LISTEN,
        "NETWORKS",
        in_file=FileForm.LIST,
    )
    max_body_bytes: Annotated[int, Field(ge=1024)] = setting(
        1 << 20,
        "Maximum size of a request's body, at least 1024. A larger one is answered with 413.",
        Section.CONNECTIONS,
        "BYTES",
    )
    max_upload_bytes: Annotated[int, Field(ge=1024)] = setting(
        32 << 20,
        "Maximum size of a request's body, including its images, on routes that accept images; at least 1024. A "
        "larger one is answered with 413.",
        Section.CONNECTIONS,
        "BYTES",
    )
    max_connections: Count = setting(
        512,
        "Maximum number of open connections; it is lowered if the process's limit on open files requires it. On "
        "further connections, only /livez, /readyz and /health are served, and other requests are answered with 503.",
        Section.CONNECTIONS,
        "N",
    )
    max_connections_per_address: Count = setting(
        256,
        "Maximum number of open connections from one address; IPv6 addresses of the same 64-bit network count as one. "
        "The limit does not apply to this machine's own addresses or to DARKROOM_TRUSTED_PROXIES.",
        Section.CONNECTIONS,
        "N",
    )
    header_timeout_s: Seconds = setting(
        10.0, "Time limit for a request's head, from its first byte to its last.", Section.CONNECTIONS, "SECONDS"
    )
    body_timeout_s: Seconds = setting(
        30.0,
        "Time limit for a request's body, from the end of the head to the body's last byte.",
        Section.CONNECTIONS,
        "SECONDS",
    )
    keep_alive_timeout_s: Seconds = setting(
        75.0,
        "How long a connection may be idle between two requests. This must be longer than the time for which a load "
        "balancer or proxy in front of the server keeps its idle connections; otherwise the proxy sometimes answers "
        "with 502.",
        Section.CONNECTIONS,
        "SECONDS",
    )
    write_timeout_s: Seconds = setting(
        60.0,
        "Period over which a client's reading speed is measured while an answer waits for it. If the client reads "
        "more slowly than DARKROOM_MIN_READ_BYTES_PER_S, the connection is cut.",
        Section.CONNECTIONS,
        "SECONDS",
    )
    min_read_bytes_per_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = setting(
        1024.0,
        "Minimum speed at which a client must read an answer that waits for it, in bytes per second. With 0, it only "
        "has to read something within DARKROOM_WRITE_TIMEOUT_S.",
        Section.CONNECTIONS,
        "BYTES",
    )
    drain_timeout_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = setting(
        12.0,
        "How long accepted work may continue after SIGTERM. A second signal ends it at once. The server exits up to 7 "
        "seconds after this time, so anything that stops the server should wait that long before it kills it.",
        Section.CONNECTIONS,
        "SECONDS",
    )
