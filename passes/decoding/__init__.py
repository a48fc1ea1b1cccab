"""How the end of a decode step is changed, where its logits become tokens."""
