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
        "Address of the API, or several with commas between them. 0.0.0.0 lets other machines in, :: those with IPv6 "
        "too: that takes an API key.",
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
        "660", "Permissions of the Unix socket, in octal: who may connect.", Section.LISTEN, "MODE"
    )
    admin_host: str = setting(
        "127.0.0.1",
        "Address of the second listener, which serves /metrics and probes and asks for no key: keep it to an inner "
        "network.",
        Section.LISTEN,
        "ADDRESS",
        in_file=FileForm.LIST,
    )
    admin_port: OptionalPort = setting(
        8001, "Port of the second listener. 0 or none: no second listener.", Section.LISTEN, "PORT"
    )
    public_url: PublicUrl | None = setting(
        None,
        "Where callers reach the server, such as https://images.example, or https://example.org/darkroom under a path. "
        "Links begin with it; without it they begin with what each request says of the server's name.",
        Section.LISTEN,
        "URL",
    )
    allowed_hosts: HostNames | None = setting(
        None,
        "Names by which requests may call the server, with commas between them, beside localhost, IP addresses, the "
        "name that it listens on and that of its public URL. *.example.org stands for all names below example.org, and "
        "* for every name, which lets any web page in where there are no keys.",
        Section.LISTEN,
        "NAMES",
        in_file=FileForm.LIST,
    )
    cors_origins: Origins | None = setting(
        None,
        "Origins of other web pages that may call the server with an API key and read its answers, such as "
        "https://chat.example or http://localhost:3000, with commas between them. Where there are no keys, their pages "
        "may do what everybody may.",
        Section.LISTEN,
        "ORIGINS",
        in_file=FileForm.LIST,
    )
    trusted_proxies: Proxies | None = setting(
        None,
        "Addresses and networks of the proxies in front of the server, with commas between them; unix stands for those "
        "that connect through a socket file. What X-Forwarded-* and Forwarded say is believed from them alone, and "
        "DARKROOM_MAX_CONNECTIONS_PER_ADDRESS does not hold for them.",
        Section.LISTEN,
        "NETWORKS",
        in_file=FileForm.LIST,
    )
    max_body_bytes: Annotated[int, Field(ge=1024)] = setting(
        1 << 20, "A request's body, at least 1024. A larger one is answered 413.", Section.CONNECTIONS, "BYTES"
    )
    max_upload_bytes: Annotated[int, Field(ge=1024)] = setting(
        32 << 20,
        "A request's body with its images, at least 1024, on the routes that take images. A larger one is answered "
        "413.",
        Section.CONNECTIONS,
        "BYTES",
    )
    max_connections: Count = setting(
        512,
        "Open connections, as far as the process's limit on open files allows. One more may ask for /livez and "
        "/readyz, and is answered 503 otherwise.",
        Section.CONNECTIONS,
        "N",
    )
    max_connections_per_address: Count = setting(
        256,
        "Of these, how many one address may have open (of IPv6, one network of 64 bits). This machine's own and those "
        "of DARKROOM_TRUSTED_PROXIES may have all.",
        Section.CONNECTIONS,
        "N",
    )
    header_timeout_s: Seconds = setting(
        10.0, "Time for a request's head, from its first byte to its last.", Section.CONNECTIONS, "SECONDS"
    )
    body_timeout_s: Seconds = setting(
        30.0, "Time for a request's body, from its first byte to its last.", Section.CONNECTIONS, "SECONDS"
    )
    keep_alive_timeout_s: Seconds = setting(
        75.0,
        "How long a connection may be idle between two requests. It must be longer than a balancer or proxy in front "
        "of the server keeps its connections, else that answers 502 now and then.",
        Section.CONNECTIONS,
        "SECONDS",
    )
    write_timeout_s: Seconds = setting(
        60.0,
        "Time over which a client must read DARKROOM_MIN_READ_BYTES_PER_S of an answer that waits for it, else the "
        "connection is cut.",
        Section.CONNECTIONS,
        "SECONDS",
    )
    min_read_bytes_per_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = setting(
        1024.0,
        "How quickly a client must read what waits for it. 0: it must read anything at all.",
        Section.CONNECTIONS,
        "BYTES",
    )
    drain_timeout_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = setting(
        12.0,
        "How long accepted work may go on after SIGTERM. A second signal ends it at once. The server exits up to 7 "
        "seconds later, so whatever stops it should wait for so long before it kills it.",
        Section.CONNECTIONS,
        "SECONDS",
    )
