"""Retention and backup."""
