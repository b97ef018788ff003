"""Chaos tests: the real server is killed, stopped, out of disk or without its database while clients use it.

Afterwards the tests compare what the clients observed with the API, the database and the image files. `python -m
tests.chaos` is the long version, which `make chaos` runs.
"""
