"""`torch.save` and `torch.load`: PyTorch's checkpoint files, written and read without PyTorch."""

import contextlib
import enum
import io
import mmap as _mmap
import os
import pickle
import sys
import warnings

import numpy as np

from . import _legacy_files, _names, _stored
from ._archive import ArchiveReader, ArchiveWriter, is_archive
from ._locations import (
    Restorer,
    _package_registry,
    default_restore_location,
    location_tag,
    register_package,
)
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
    "LoadEndianness",
    "SourceChangeWarning",
    "StorageType",
    "_get_layout",
    "add_safe_globals",
    "check_module_version_greater_or_equal",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "register_package",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
]

DEFAULT_PROTOCOL = 2
_FORMAT_VERSION = b"3\n"
_UNSAFE_ADVICE = (
    "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` "
    "from `False` to `True`. "
    "Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can "
    "result in arbitrary code "
    "execution. Do it only if you got the file from a trusted source."
)
_UNPICKLER = "WeightsUnpickler error: "
_WHERE_TYPES_ARE_LISTED = (
    "Check the documentation of torch.load to learn more about types accepted by default with "
    "weights_only https://pytorch.org/docs/stable/generated/torch.load.html."
)


# libraries read this from torch.serialization
_REEXPORTED = (_package_registry,)


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
    if not _is_path(f) and not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    # All of the object is pickled before the file is touched: what cannot be pickled leaves an
    # older file alone.
    pickled = io.BytesIO()
    if not _use_new_zipfile_serialization:
        _legacy_files.save(obj, pickled, pickle_module, pickle_protocol)
        with _opened_for_writing(f) as file:
            file.write(pickled.getvalue())
        return
    records = Records()
    pickler_class(pickle_module)(pickled, records, pickle_protocol).dump(obj)
    with _opened_for_writing(f) as file:
        writer = ArchiveWriter(file, _archive_name(f))
        _write_records(writer, pickled.getvalue(), records, not _disable_byteorder_record)


def _write_records(writer, pickled, records, says_byteorder):
    writer.write("data.pkl", pickled)
    writer.write(".format_version", b"1")
    writer.write(".storage_alignment", b"64")
    if says_byteorder:
        writer.write("byteorder", sys.byteorder.encode())
    for key, (tensor, _) in enumerate(records.entries):
        data = _stored.storage_array(tensor)
        writer.write(f"data/{key}", bytes(data.nbytes) if skip_data.active else data)
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
    restore = Restorer(map_location)
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

        def unpickle(file, persistent_load):
            return _unpickle(file, persistent_load, module, weights_only, pickle_load_args)

        return _legacy_files.load(file, restore, unpickle, _checked_id)


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
        kind, key, location, count = _checked_id(pid)
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
        assumed = _options["endianness"] or LoadEndianness.LITTLE
        return assumed is not LoadEndianness.NATIVE and assumed.name.lower() != sys.byteorder
    order = reader.read("byteorder").decode("ascii", "replace")
    if order not in ("little", "big"):
        raise ValueError(f"Unknown endianness type: {order}")
    return order != sys.byteorder


def _checked_id(pid):
    """(storage type, key, location, count) of a storage's persistent id."""
    if pid[0] not in ("storage", b"storage"):
        raise RuntimeError(f"Unknown saved id type: {pid[0]!r}")
    parts = [p.decode("ascii") if isinstance(p, bytes) else p for p in pid[1:5]]
    types = (StorageType, str, str, int)
    if list(map(type, parts)) != list(types) or parts[3] < 0:
        raise pickle.UnpicklingError(f"a storage is described as {pid!r}")
    return parts


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
        text = (
            "Weights only load failed. This file can still be loaded, to do so you have two "
            "options, \033[1mdo those steps only if you trust the source of the checkpoint"
            f"\033[0m. \n\t(1) {_UNSAFE_ADVICE}\n\t(2) Alternatively, to load with "
            "`weights_only=True` please check the recommended steps in the following error "
            f"message.\n\t{_UNPICKLER}{why}"
        )
    else:
        source = "" if why.startswith("Trying to load unsupported GLOBAL") else _UNPICKLER
        text = f"Weights only load failed. {_UNSAFE_ADVICE}\n{source}\n\n{why}"
    return f"{text}\n\n{_WHERE_TYPES_ARE_LISTED}"


def _trusting_unpickler(module):
    class TrustingUnpickler(module.Unpickler):
        """Runs any pickle, with PyTorch's names meaning jtorch's things."""

        def __init__(self, file, persistent_load, arguments):
            super().__init__(file, **arguments)
            self._load_storage = persistent_load

        def persistent_load(self, pid):
            if not isinstance(pid, tuple) or not pid:
                raise RuntimeError(f"Unknown saved id type: {pid!r}")
            return self._load_storage(pid)

        def find_class(self, name, qualname):
            found = _names.from_torch_name(name, qualname)
            return super().find_class(name, qualname) if found is None else found

    return TrustingUnpickler


# ---- smaller services ----


def get_unsafe_globals_in_checkpoint(f):
    """The names of globals in a file that `weights_only` loading would refuse."""
    with _opened_for_reading(f) as file:
        if not is_archive(file):
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        pickled = ArchiveReader(file).read("data.pkl")
    return sorted(name for name in globals_in_pickle(pickled) if not is_allowed(name))


class skip_data:
    """A context manager in which `save` leaves out the tensors' bytes: the file has room for them,
    to be written later.
    """

    active = False

    def __init__(self, materialize_fake_tensors=False):
        self.materialize_fake_tensors = materialize_fake_tensors

    def __enter__(self):
        self._before, skip_data.active = skip_data.active, True

    def __exit__(self, *exc):
        skip_data.active = self._before


class LoadEndianness(enum.Enum):
    """The byte order of files that do not say theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


def get_default_load_endianness():
    """The byte order assumed for files that do not say theirs; None stands for little-endian."""
    return _options["endianness"]


def set_default_load_endianness(endianness):
    """Choose the byte order assumed for files that do not say theirs."""
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    _options["endianness"] = endianness


def get_crc32_options():
    """Whether `save` was asked for checksums. They are always written."""
    return _options["crc32"]


def set_crc32_options(compute_crc32):
    """Ask for checksums or not. jtorch writes them in either case, and any reader takes them."""
    _options["crc32"] = compute_crc32


def get_default_mmap_options():
    """The flags files are mapped with: always private, so that tensors never write into the
    file.
    """
    return getattr(_mmap, "MAP_PRIVATE", None)


class set_default_mmap_options:
    """Choose how files are mapped, in a block or for good. Only private mapping is supported."""

    def __init__(self, flags):
        if flags not in (getattr(_mmap, "MAP_PRIVATE", None), getattr(_mmap, "MAP_SHARED", None)):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE "
                f"or mmap.MAP_SHARED, but got {flags}"
            )
        if flags != get_default_mmap_options():
            raise NotImplementedError(
                "torch.serialization.set_default_mmap_options: MAP_SHARED is not supported by "
                "jtorch; load with MAP_PRIVATE and save what was changed"
            )

    def __enter__(self):
        pass

    def __exit__(self, *exc):
        pass


class SourceChangeWarning(Warning):
    """The source of a pickled module's class has changed."""


def check_module_version_greater_or_equal(module, req_version_tuple, error_if_malformed=True):
    """True when a module's `__version__` is at least the given tuple.

    Raises RuntimeError for a version that cannot be compared, or only warns.
    """
    try:
        parts = module.__version__.split(".")
        version = tuple(type(want)(parts[i]) for i, want in enumerate(req_version_tuple))
    except Exception as e:
        message = f"'{module.__name__}' module version string is malformed '{module.__version__}'"
        message += f" and cannot be compared with tuple {req_version_tuple}"
        if error_if_malformed:
            raise RuntimeError(message) from e
        warnings.warn(f"{message}, but continuing assuming that requirement is met", stacklevel=2)
        return True
    return version >= req_version_tuple


_options = {"endianness": None, "crc32": True}
