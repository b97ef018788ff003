"""The edge of the API: checks the hosts, origins and proxies that requests name, and knows the public addresses."""
