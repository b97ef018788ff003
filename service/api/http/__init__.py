"""HTTP without any dialect: bodies, headers, errors, event streams."""
