"""The subcommands of `kl`, one file each: `add_arguments` says its options, `run` does it."""
