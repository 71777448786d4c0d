"""The journal: events in the order in which they happened, numbered without a gap, until they are taken away.

They are written into the very bytes that `take` returns, so that a large batch is not copied once more.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.ref cimport Py_XDECREF

cdef extern from "Python.h":
    char* PyBytes_AS_STRING(PyObject* string) noexcept
    # Frees the string and makes it NULL where it fails; nobody else may hold it.
    int _PyBytes_Resize(PyObject** string, Py_ssize_t size) except -1
    PyObject* new_bytes "PyBytes_FromStringAndSize"(const char* from_, Py_ssize_t size) except NULL

cdef enum:
    FEWEST_RECORDS = 64
    # So few are copied, and the room is kept.
    FEW_RECORDS = 16


cdef class Journal:
    """Event records not yet taken, and the seq of the next one."""

    def __cinit__(self):
        self.next_seq = 1
        self.wanted = FEWEST_RECORDS

    def __dealloc__(self):
        Py_XDECREF(self.room)

    cdef int grow(self) except -1:
        """Make room for more records."""
        cdef size_t capacity = max(self.wanted, 2 * self.capacity)
        self.capacity = 0
        if self.room == NULL:
            self.room = new_bytes(NULL, capacity * RECORD_BYTES)
        else:
            _PyBytes_Resize(&self.room, capacity * RECORD_BYTES)
        self.records = <Record*>PyBytes_AS_STRING(self.room)
        self.capacity = capacity
        return 0

    cdef bytes take(self):
        """Return the records as bytes, and forget them."""
        cdef size_t count = self.count
        cdef bytes taken
        if count == 0:
            return b""
        self.count = 0
        if count <= FEW_RECORDS:
            return PyBytes_FromStringAndSize(<char*>self.records, count * RECORD_BYTES)
        # About as many are likely to come next time.
        self.wanted = max(<size_t>FEWEST_RECORDS, count + count // 4)
        self.capacity = 0
        _PyBytes_Resize(&self.room, count * RECORD_BYTES)
        taken = <bytes>self.room
        Py_XDECREF(self.room)
        self.room = NULL
        return taken
