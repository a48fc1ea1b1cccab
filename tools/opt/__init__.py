"""What `kl-opt` does beside running passes; each file is imported once an option asks for it."""
