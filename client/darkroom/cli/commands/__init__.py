"""The subcommands, each of which prints what it found or made."""
