"""What can be made again, made once and shared by all runs. Free of torch."""

from vislab.engine.cache.entry import ENTRY, Entry, Unavailable, Work
from vislab.engine.cache.folder import COMPILED, Cache, Listed, key_of

__all__ = ["COMPILED", "ENTRY", "Cache", "Entry", "Listed", "Unavailable", "Work", "key_of"]
