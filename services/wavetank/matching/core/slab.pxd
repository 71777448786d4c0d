"""Slabs: vectors that begin at a cache line, so that a struct of 64 bytes costs one line and not two.

Large ones ask for large pages (Linux, where they are to be had on request): a million orders, read in no order, miss
the processor's table of 4-KiB pages at nearly every one, and a process that is copied has fewer pages to copy.
"""

from libcpp.vector cimport vector

cdef extern from *:
    """
    #include <cstddef>
    #include <new>
    #ifdef __linux__
    #include <sys/mman.h>
    #endif
    static const std::size_t WAVETANK_LINE = 64;
    static const std::size_t WAVETANK_LARGE_PAGE = std::size_t(2) << 20;
    static inline std::size_t wavetank_alignment(std::size_t bytes) {
        return bytes >= 2 * WAVETANK_LARGE_PAGE ? WAVETANK_LARGE_PAGE : WAVETANK_LINE;
    }
    template <class T> struct WavetankLines {
        using value_type = T;
        WavetankLines() = default;
        template <class U> WavetankLines(const WavetankLines<U>&) {}
        T* allocate(std::size_t count) {
            std::size_t bytes = count * sizeof(T);
            void* at = ::operator new(bytes, std::align_val_t(wavetank_alignment(bytes)));
    #if defined(__linux__) && defined(MADV_HUGEPAGE)
            // A wish: where it is refused, small pages do.
            if (bytes >= 2 * WAVETANK_LARGE_PAGE)
                (void)madvise(at, bytes - bytes % WAVETANK_LARGE_PAGE, MADV_HUGEPAGE);
    #endif
            return static_cast<T*>(at);
        }
        void deallocate(T* at, std::size_t count) {
            ::operator delete(at, std::align_val_t(wavetank_alignment(count * sizeof(T))));
        }
        template <class U> bool operator==(const WavetankLines<U>&) const { return true; }
        template <class U> bool operator!=(const WavetankLines<U>&) const { return false; }
    };
    """
    cdef cppclass Lines "WavetankLines"[T]:
        pass
