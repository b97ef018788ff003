"""OpenAI's image API with our extensions, under /v1."""
