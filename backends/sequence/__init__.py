"""Machines that run the kernels of a schedule one after another: GPUs and the like."""
