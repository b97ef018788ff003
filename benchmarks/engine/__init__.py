"""Comparisons of the engine with diffusers' own pipelines, which make the same images one after another."""
