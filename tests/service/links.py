"""Variables that Kubernetes and Docker write for services called darkroom, darkroom-admin, darkroom-foo and so on."""

from __future__ import annotations

from typing import Final

LINKS: Final = {
    "DARKROOM_SERVICE_HOST": "10.0.0.1",
    "DARKROOM_SERVICE_PORT": "8000",
    "DARKROOM_SERVICE_PORT_HTTP": "8000",
    "DARKROOM_SERVICE_PORT_HTTP_ADMIN": "8001",
    "DARKROOM_PORT": "tcp://10.0.0.1:8000",
    "DARKROOM_PORT_8000_TCP": "tcp://10.0.0.1:8000",
    "DARKROOM_PORT_8000_TCP_PROTO": "tcp",
    "DARKROOM_PORT_8000_TCP_PORT": "8000",
    "DARKROOM_PORT_8000_TCP_ADDR": "10.0.0.1",
    "DARKROOM_ADMIN_SERVICE_HOST": "fd00::1",
    "DARKROOM_ADMIN_PORT": "tcp://[fd00::1]:8001",
    "DARKROOM_ADMIN_PORT_8001_TCP_ADDR": "fd00::1",
    "DARKROOM_FOO_SERVICE_HOST": "10.0.0.2",
    "DARKROOM_FOO_PORT": "udp://10.0.0.2:53",
    "DARKROOM_FOO_PORT_53_UDP_PROTO": "udp",
    "DARKROOM_FOO_PORT_132_SCTP": "sctp://10.0.0.2:132",
    "DARKROOM_DATA_DIR_PORT": "tcp://10.0.0.3:80",
    "DARKROOM_BASE_URL_SERVICE_PORT": "80",
    "DARKROOM_NAME": "/web/darkroom",
    "DARKROOM_PORT_8000_TCP_START": "tcp://172.17.0.2:8000",
    "DARKROOM_PORT_8000_TCP_PORT_END": "8004",
    "DARKROOM_ENV_PYTHON_VERSION": "3.12.1",
    "DARKROOM_ENV_DARKROOM_PORT": "9000",
}
