"""Slabs: vectors that begin at a cache line, so that a struct of 64 bytes costs one line and not two.

A slab of megabytes asks for large pages: a million orders then take a few dozen entries of the processor's page table
cache and not tens of thousands, and a copy of the process, as a snapshot makes one, is begun the sooner.
"""

from libcpp.vector cimport vector

cdef extern from *:
    """
    #include <cstddef>
    #include <new>
    #include <sys/mman.h>
    template <class T> struct WavetankLines {
        using value_type = T;
        WavetankLines() = default;
        template <class U> WavetankLines(const WavetankLines<U>&) {}
        static constexpr std::size_t page = 2 << 20;
        static std::align_val_t alignment(std::size_t count) {
            return std::align_val_t(count * sizeof(T) < 2 * page ? 64 : page);
        }
        T* allocate(std::size_t count) {
            void* at = ::operator new(count * sizeof(T), alignment(count));
    #ifdef MADV_HUGEPAGE
            // A wish: where it is not granted the pages are small ones.
            if (count * sizeof(T) >= 2 * page) madvise(at, count * sizeof(T), MADV_HUGEPAGE);
    #endif
            return static_cast<T*>(at);
        }
        void deallocate(T* at, std::size_t count) { ::operator delete(at, alignment(count)); }
        template <class U> bool operator==(const WavetankLines<U>&) const { return true; }
        template <class U> bool operator!=(const WavetankLines<U>&) const { return false; }
    };
    """
    cdef cppclass Lines "WavetankLines"[T]:
        pass
