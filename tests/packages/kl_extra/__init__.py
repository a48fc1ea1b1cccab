"""A package beside `kl`: two operations of its own, which `kl` runs without an edit (docs/adding.md)."""
