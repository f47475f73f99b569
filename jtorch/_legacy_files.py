"""The format of PyTorch before 1.6: several pickles one after the other, then the bytes of the
storages.
"""

import struct
import sys

import numpy as np

from . import _stored
from ._pickler import Records, pickler_class

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_COUNT = struct.Struct("<q")


def save(obj, file, module, protocol):
    """Write an object in the old format."""
    machine = {
        "protocol_version": _PROTOCOL,
        "little_endian": sys.byteorder == "little",
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    for part in (_MAGIC, _PROTOCOL, machine):
        module.dump(part, file, protocol=protocol)
    records = Records(tail=(None,))
    pickler_class(module)(file, records, protocol).dump(obj)
    module.dump([str(key) for key in range(len(records.entries))], file, protocol=protocol)
    for tensor, count in records.entries:
        file.write(_COUNT.pack(count))
        file.write(memoryview(np.ascontiguousarray(_stored.storage_array(tensor)).view(np.uint8)))


def load(file, restore, unpickle, checked_id):
    """Read a file in the old format.

    unpickle(file, persistent_load): the object of the next pickle. checked_id(pid): the fields of a
    storage's persistent id.
    """
    storages = {}

    def persistent_load(pid):
        if pid[0] in ("module", b"module"):
            # A class, with its source for the user to compare.
            return pid[1]
        kind, key, location, count = checked_id(pid)
        if key not in storages:
            # The bytes come after the pickle; they are filled in below, before anybody can look at
            # them.
            storages[key] = restore(
                _stored.LoadedStorage(np.zeros(count, kind.dtype.np), kind.dtype), location
            )
        return _view(storages[key], pid[5] if len(pid) > 5 else None)

    def pickled():
        return unpickle(file, persistent_load)

    if pickled() != _MAGIC:
        raise RuntimeError("Invalid magic number; corrupt file?")
    protocol = pickled()
    if protocol != _PROTOCOL:
        raise RuntimeError(f"Invalid protocol version: {protocol}")
    pickled()  # notes about the machine that wrote the file
    result = pickled()
    for key in pickled():
        if key not in storages:
            raise RuntimeError(f"storage key {key!r} not found in the file; it is damaged")
        _fill(storages[key].array, file)
    return result


def _view(storage, view):
    if view is None:
        return storage
    _, offset, size = view
    return _stored.LoadedStorage(
        storage.array[offset : offset + size], storage.dtype, storage.device
    )


def _fill(array, file):
    count = int.from_bytes(file.read(_COUNT.size), "little")
    data = file.read(array.nbytes)
    if count != len(array) or len(data) != array.nbytes:
        raise RuntimeError(
            f"unexpected EOF, expected {array.nbytes - len(data)} more bytes. The file might be "
            "corrupted."
        )
    array[...] = np.frombuffer(data, array.dtype)
