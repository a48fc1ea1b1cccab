"""What the server of processes for evaluations imports first, and nobody else: see `lifeline.py`."""

from .lifeline import prepare_server

prepare_server()
