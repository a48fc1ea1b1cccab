"""The `rdu` dialect: see below."""
