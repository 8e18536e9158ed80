"""Compiled kernels: the only room with numba code. Imports numpy and numba alone."""
