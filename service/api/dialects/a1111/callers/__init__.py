"""The callers of AUTOMATIC1111's API: each has its running requests and the settings that it has chosen."""
