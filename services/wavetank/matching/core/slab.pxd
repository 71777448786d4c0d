"""Slabs: vectors that begin at a cache line, so that a struct of 64 bytes costs one line and not two."""

from libcpp.vector cimport vector

cdef extern from *:
    """
    #include <cstddef>
    #include <new>
    template <class T> struct WavetankLines {
        using value_type = T;
        WavetankLines() = default;
        template <class U> WavetankLines(const WavetankLines<U>&) {}
        T* allocate(std::size_t count) {
            return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t(64)));
        }
        void deallocate(T* at, std::size_t) { ::operator delete(at, std::align_val_t(64)); }
        template <class U> bool operator==(const WavetankLines<U>&) const { return true; }
        template <class U> bool operator!=(const WavetankLines<U>&) const { return false; }
    };
    """
    cdef cppclass Lines "WavetankLines"[T]:
        pass
