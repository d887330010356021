"""How the C library handles freed memory."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
LARGE = 32 * 2**20  # bytes; larger blocks go back to the system, as they seldom fit anything else
ARENAS = 2  # heaps that threads share: one for each network that runs at the same time


def keep_freed_memory() -> None:
    """Let the C library keep freed memory for later: fresh pages from the system have to be cleared first.

    Every training step needs the same blocks again. Measured: 3 to 12 % of a step's time.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_THRESHOLD, LARGE)
        library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        library.mallopt(M_ARENA_MAX, ARENAS)
