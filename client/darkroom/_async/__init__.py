"""The asynchronous client, which is written by hand. The synchronous one is generated from it."""
