"""C surface of `snapshot`: the shard's state as bytes, and back."""

from wavetank.matching.core.shard cimport Shard

cdef bytes logical_state(Shard shard)
cdef bytes save(Shard shard)
cdef Shard load(data, settings)
