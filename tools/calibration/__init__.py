"""Constants of a machine that runs kernel after kernel, fitted to measured decode steps."""
