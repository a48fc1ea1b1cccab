"""The subcommands of `kl`, one file each: `Command` is what a command line says, `run` does it."""
