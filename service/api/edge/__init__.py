"""The edge of the API: which hosts, origins and proxies a request may name, and the server's addresses outwards."""
