"""A target that is this computer: kernels as C, compiled by its compiler, run and measured."""
