"""Outlining: which operations make up one kernel, and which kernels are the same.

ops ──► groups ──fusion rules──► larger groups ──► kernel.func + schedule ──► equal kernels are one
        grouping  fusion_rules     and names       outline_kernels            merge_identical_kernels
"""
