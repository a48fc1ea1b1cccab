"""How pages and pictures look: one palette and one stylesheet for all that people open in a browser."""
