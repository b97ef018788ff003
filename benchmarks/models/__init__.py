"""Benchmarks of several models in one server: the policy on a production trace, switches, one server against two."""
