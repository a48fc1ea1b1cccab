"""This computer as a target: kernels as C, compiled by its compiler, run and measured."""
