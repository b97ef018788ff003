"""The real server killed, stopped, out of disk and cut off from its database, again and again, while clients use it.

Afterwards what the clients were told is compared with what the API, the database and the files say. `python -m
tests.chaos` is the long version, which `make chaos` runs.
"""
