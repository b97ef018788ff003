"""What runs next. Pure: no torch, no asyncio, no clock."""
