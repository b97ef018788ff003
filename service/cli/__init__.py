"""The server's subcommands of `darkroom`."""
