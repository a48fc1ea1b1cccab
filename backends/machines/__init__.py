"""Machines that come with `kl`: a TOML file each, found by its name."""
