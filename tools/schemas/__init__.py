"""JSON Schemas of what the commands print with `--json`, one file for each command."""
