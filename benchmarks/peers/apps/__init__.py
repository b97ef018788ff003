"""The peers as servers. Each module runs in the environment that setup.sh creates for it."""
