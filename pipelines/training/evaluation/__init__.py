"""Evaluation: grades images against their prompts and scores a model folder."""
