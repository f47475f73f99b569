"""`torch.save` and `torch.load`: PyTorch's checkpoint files, written and read without PyTorch."""

import contextlib
import io
import mmap as _mmap
import os
import pickle
import sys

import numpy as np

from . import _names, _stored
from ._archive import ArchiveReader, ArchiveWriter, is_archive
from ._engine import device as devices
from ._names import StorageType
from ._names import get_layout as _get_layout
from ._pickler import Records, pickler_class
from ._weights_only_unpickler import (
    Unpickler,
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    globals_in_pickle,
    is_allowed,
    safe_globals,
)

__all__ = [
    "_get_layout",
    "add_safe_globals",
    "clear_safe_globals",
    "default_restore_location",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "safe_globals",
    "save",
    "set_default_mmap_options",
]

DEFAULT_PROTOCOL = 2
_FORMAT_VERSION = b"3\n"
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_UNSAFE_ADVICE = (
    "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` "
    "from `False` to `True`. "
    "Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can "
    "result in arbitrary code "
    "execution. Do it only if you got the file from a trusted source."
)


# ---- save ----


def save(
    obj,
    f,
    pickle_module=pickle,
    pickle_protocol=DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization=True,
    _disable_byteorder_record=False,
):
    """Write an object to a file that `torch.load` reads, here or in PyTorch.

    f: a path, or a file-like object with a `write` method. Tensors that share memory still share it
    after loading.
    Raises AttributeError for another kind of `f`, RuntimeError when the folder does not exist.
    """
    if not _use_new_zipfile_serialization:
        raise NotImplementedError(
            "torch.save: _use_new_zipfile_serialization=False is not supported by jtorch; use the "
            "default format"
        )
    if not _is_path(f) and not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    # All of the object is pickled before the file is touched: what cannot be pickled leaves an
    # older file alone.
    records = Records()
    pickled = io.BytesIO()
    pickler_class(pickle_module)(pickled, records, pickle_protocol).dump(obj)
    with _opened_for_writing(f) as file:
        writer = ArchiveWriter(file, _archive_name(f))
        writer.write("data.pkl", pickled.getvalue())
        writer.write(".format_version", b"1")
        writer.write(".storage_alignment", b"64")
        if not _disable_byteorder_record:
            writer.write("byteorder", sys.byteorder.encode())
        for key, tensor in enumerate(records.tensors):
            writer.write(f"data/{key}", _stored.storage_array(tensor))
        writer.write("version", _FORMAT_VERSION)
        writer.close()


def _is_path(f):
    return isinstance(f, str | os.PathLike)


def _archive_name(f):
    if not _is_path(f):
        return "archive"
    return os.path.splitext(os.path.basename(os.fspath(f)))[0] or "archive"


def _opened_for_writing(f):
    if not _is_path(f):
        return contextlib.nullcontext(f)
    folder = os.path.dirname(os.fspath(f))
    if folder and not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    return open(f, "wb")


# ---- load ----


def load(
    f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args
):
    """Read what `torch.save` wrote, here or in PyTorch.

    map_location: where tensors go: a device, a dict from saved to new locations, or a function of
    (storage, location).
    weights_only: True (the default) makes tensors, plain containers and classes allowed with
    `add_safe_globals` only; False runs whatever the pickle says, so use it for files you trust.
    mmap: tensors' bytes stay in the file until they are looked at; `f` must be a path.

    Raises UnpicklingError for what `weights_only` does not allow, RuntimeError and EOFError for a
    damaged file.
    """
    weights_only = _decide_weights_only(weights_only, pickle_module)
    pickle_load_args.setdefault("encoding", "utf-8")
    restore = _Restorer(map_location)
    module = pickle_module or pickle
    mmap = _default_mmap if mmap is None else mmap
    if mmap and not _is_path(f):
        raise ValueError("f must be a file path in order to use the mmap argument")
    with _opened_for_reading(f) as file:
        if is_archive(file):
            return _load_archive(
                file,
                os.fspath(f) if mmap else None,
                restore,
                module,
                weights_only,
                pickle_load_args,
            )
        if mmap:
            raise RuntimeError(
                "mmap can only be used with files saved with "
                "`torch.save(_use_new_zipfile_serialization=True), please "
                "torch.save your checkpoint with this option in order to use mmap."
            )
        return _load_legacy(file, restore, module, weights_only, pickle_load_args)


_default_mmap = False


def _forced(name):
    return os.environ.get(name, "0").lower() in ("1", "y", "yes", "true")


def _decide_weights_only(weights_only, pickle_module):
    on, off = _forced("TORCH_FORCE_WEIGHTS_ONLY_LOAD"), _forced("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    if on and off:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` "
            "should be set, but both were "
            "set."
        )
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if on:
        return True
    if weights_only is None:
        return pickle_module is None and not off
    return bool(weights_only)


def _opened_for_reading(f):
    if _is_path(f):
        return open(f, "rb")
    for method in ("seek", "tell", "read", "readline"):
        if not hasattr(f, method):
            raise AttributeError(
                f"'{type(f).__name__}' object has no attribute '{method}'. You can only "
                "torch.load from a file that is "
                "seekable. Please pre-load the data into a buffer like io.BytesIO and try to load "
                "from it instead."
            )
    return contextlib.nullcontext(f)


def _load_archive(file, path, restore, module, weights_only, arguments):
    reader = ArchiveReader(file)
    if reader.has("constants.pkl"):
        raise _torchscript_error(weights_only)
    swap = _is_foreign(reader)
    loaded = {}

    def persistent_load(pid):
        kind, key, location, count = _checked_id(pid[1:5])
        if key not in loaded:
            raw = (
                reader.map(f"data/{key}", path)
                if path
                else np.frombuffer(reader.read(f"data/{key}"), np.uint8)
            )
            loaded[key] = restore(_typed(raw, kind, count, swap), location)
        return loaded[key]

    return _unpickle(
        io.BytesIO(reader.read("data.pkl")), persistent_load, module, weights_only, arguments
    )


def _torchscript_error(weights_only):
    if weights_only:
        return RuntimeError(
            "Cannot use ``weights_only=True`` with TorchScript archives passed to "
            f"``torch.load``. {_UNSAFE_ADVICE}"
        )
    return NotImplementedError(
        "torch.load: TorchScript archives are not supported by jtorch; save the state_dict instead"
    )


def _is_foreign(reader):
    """True when the file's numbers have the other byte order."""
    if not reader.has("byteorder"):
        return sys.byteorder != "little"
    order = reader.read("byteorder").decode("ascii", "replace")
    if order not in ("little", "big"):
        raise ValueError(f"Unknown endianness type: {order}")
    return order != sys.byteorder


def _checked_id(parts):
    """(storage type, key, location, count) of a storage's persistent id."""
    kind, key, location, count = (p.decode("ascii") if isinstance(p, bytes) else p for p in parts)
    if (
        not isinstance(kind, StorageType)
        or not isinstance(location, str)
        or not isinstance(count, int)
        or count < 0
    ):
        raise pickle.UnpicklingError(f"a storage is described as {parts!r}")
    return kind, key, location, count


def _typed(raw, kind, count, swap):
    """The bytes of a record as a storage."""
    dtype = kind.dtype
    if raw.nbytes != count * dtype.itemsize:
        raise RuntimeError(
            f"record size ({raw.nbytes} bytes) does not match expected size "
            f"({count * dtype.itemsize} bytes = {count} "
            f"elements * {dtype.itemsize} bytes/element) for dtype {dtype}"
        )
    array = raw.view(dtype.np)
    return _stored.LoadedStorage(array.byteswap() if swap and dtype.itemsize > 1 else array, dtype)


def _unpickle(file, persistent_load, module, weights_only, arguments):
    if weights_only:
        unpickler = Unpickler(file, encoding=arguments.get("encoding", "utf-8"))
        unpickler.persistent_load = persistent_load
        try:
            return unpickler.load()
        except pickle.UnpicklingError as e:
            raise pickle.UnpicklingError(_weights_only_message(str(e))) from None
    return _trusting_unpickler(module)(file, persistent_load, arguments).load()


def _weights_only_message(why):
    if why.startswith("Unsupported global"):
        return (
            "Weights only load failed. This file can still be loaded, to do so you have two "
            "options, do those steps only if "
            f"you trust the source of the checkpoint.\n\t(1) {_UNSAFE_ADVICE}\n\t(2) "
            "Alternatively, to load with "
            "`weights_only=True` please check the recommended steps in the following error "
            "message.\n\tWeightsUnpickler "
            f"error: {why}"
        )
    return f"Weights only load failed. {_UNSAFE_ADVICE}\nWeightsUnpickler error: {why}"


def _trusting_unpickler(module):
    class TrustingUnpickler(module.Unpickler):
        """Runs any pickle, with PyTorch's names meaning jtorch's things."""

        def __init__(self, file, persistent_load, arguments):
            super().__init__(file, **arguments)
            self._load_storage = persistent_load

        def persistent_load(self, pid):
            if not isinstance(pid, tuple) or not pid or pid[0] not in ("storage", b"storage"):
                raise RuntimeError(f"Unknown saved id type: {pid!r}")
            return self._load_storage(pid)

        def find_class(self, name, qualname):
            found = _names.from_torch_name(name, qualname)
            return super().find_class(name, qualname) if found is None else found

    return TrustingUnpickler


# ---- the format before the zip ----


def _load_legacy(file, restore, module, weights_only, arguments):
    """Files of PyTorch before 1.6: several pickles one after the other, then the storages'
    bytes.
    """
    storages = {}

    def persistent_load(pid):
        if pid[0] not in ("storage", b"storage"):
            raise RuntimeError(f"Unknown saved id type: {pid[0]}")
        kind, key, location, count = _checked_id(pid[1:5])
        if key not in storages:
            # The bytes come after the pickle; they are filled in below, before anybody can look at
            # them.
            storages[key] = restore(
                _stored.LoadedStorage(np.zeros(count, kind.dtype.np), kind.dtype), location
            )
        return _legacy_view(storages[key], pid[5] if len(pid) > 5 else None)

    def pickled():
        return _unpickle(file, persistent_load, module, weights_only, arguments)

    if pickled() != _LEGACY_MAGIC:
        raise RuntimeError("Invalid magic number; corrupt file?")
    protocol = pickled()
    if protocol != _LEGACY_PROTOCOL:
        raise RuntimeError(f"Invalid protocol version: {protocol}")
    pickled()  # notes about the machine that wrote the file
    result = pickled()
    for key in pickled():
        if key not in storages:
            raise RuntimeError(f"storage key {key!r} not found in the file; it is damaged")
        _fill(storages[key].array, file)
    return result


def _legacy_view(storage, view):
    if view is None:
        return storage
    _, offset, size = view
    return _stored.LoadedStorage(
        storage.array[offset : offset + size], storage.dtype, storage.device
    )


def _fill(array, file):
    count = int.from_bytes(file.read(8), "little")
    data = file.read(array.nbytes)
    if count != len(array) or len(data) != array.nbytes:
        raise RuntimeError(
            f"unexpected EOF, expected {array.nbytes - len(data)} more bytes. The file might be "
            "corrupted."
        )
    array[...] = np.frombuffer(data, array.dtype)


# ---- where tensors go ----


def location_tag(storage):
    """The name under which a storage's device is saved."""
    return str(storage.device)


def default_restore_location(storage, location):
    """The storage on the device called `location`. Raises RuntimeError when there is no such device
    here.
    """
    try:
        device = devices.device(location)
    except RuntimeError:
        raise RuntimeError(
            "don't know how to restore data location of torch.storage.UntypedStorage (tagged "
            f"with {location})"
        ) from None
    if device.type in ("cpu", "meta"):
        return storage.on(device)
    available = len(devices.platform_devices(device.type))
    kind = device.type.upper()
    if not available:
        raise RuntimeError(
            f"Attempting to deserialize object on a {kind} device but "
            f"torch.{device.type}.is_available() is False. If you "
            "are running on a CPU-only machine, please use torch.load with "
            "map_location=torch.device('cpu') to map your "
            "storages to the CPU."
        )
    if (device.index or 0) >= available:
        raise RuntimeError(
            f"Attempting to deserialize object on {kind} device {device.index} but "
            f"torch.{device.type}.device_count() is "
            f"{available}. Please use torch.load with map_location to map your storages to an "
            "existing device."
        )
    return storage.on(device)


class _Restorer:
    """Puts loaded storages where `map_location` says."""

    def __init__(self, map_location):
        allowed = map_location is None or isinstance(map_location, str | devices.device | dict)
        if not allowed and not callable(map_location):
            raise TypeError(
                "map_location must be a device, str, dict or callable, but got "
                f"{type(map_location).__name__}"
            )
        self._map = map_location

    def __call__(self, storage, location):
        target = self._map
        if isinstance(target, dict):
            return default_restore_location(storage, str(target.get(location, location)))
        if isinstance(target, str | devices.device):
            return default_restore_location(storage, str(target))
        if target is None:
            return default_restore_location(storage, location)
        moved = target(storage, location)
        if moved is None:
            return default_restore_location(storage, location)
        return storage.on(devices.device(moved.device))


# ---- smaller services ----


def get_unsafe_globals_in_checkpoint(f):
    """The names of globals in a file that `weights_only` loading would refuse."""
    with _opened_for_reading(f) as file:
        if not is_archive(file):
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        pickled = ArchiveReader(file).read("data.pkl")
    return sorted(name for name in globals_in_pickle(pickled) if not is_allowed(name))


def get_default_mmap_options():
    """The flags files are mapped with: always private, so that tensors never write into the
    file.
    """
    return getattr(_mmap, "MAP_PRIVATE", None)


def set_default_mmap_options(flags):
    """Choose how files are mapped. Only private mapping is supported."""
    if flags != get_default_mmap_options():
        raise NotImplementedError(
            "torch.serialization.set_default_mmap_options: only MAP_PRIVATE is supported by jtorch"
        )
