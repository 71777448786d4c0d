"""Frozen dataclasses, made by the hundred thousand.

The `__init__` of a frozen dataclass calls `object.__setattr__` for each field, which is most of what an event with many
fields costs. Here the same is done without the calls.
"""

from cpython.object cimport PyObject_GenericSetAttr

cdef extern from "Python.h":
    object PyType_GenericAlloc(type kind, Py_ssize_t items)


def made(type kind, **fields):
    """Return a frozen dataclass with slots as its own `__init__` makes it, given all of its fields by name.

    Args:
        kind: the dataclass; one with a `__post_init__` has to be called itself.
        fields: every field, those with a default too.

    """
    assert len(fields) == len(kind.__slots__), f"all fields of {kind.__name__} are given, not {', '.join(fields)} alone"
    value = PyType_GenericAlloc(kind, 0)
    for name, field in fields.items():
        PyObject_GenericSetAttr(value, name, field)
    return value
