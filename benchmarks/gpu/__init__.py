"""Measures a GPU in a given time: correctness first, then tables, then training. Run as `python -m benchmarks.gpu`."""
