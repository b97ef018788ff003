"""Decides what runs next. Pure: no torch, no asyncio, no clock."""
