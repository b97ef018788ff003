"""Deletes expired jobs and makes backups."""
