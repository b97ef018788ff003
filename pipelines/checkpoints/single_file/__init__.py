"""Single files: models in one `.safetensors` file with the keys of the original implementations."""
