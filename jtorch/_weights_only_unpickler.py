"""The unpickler of `torch.load(weights_only=True)`: it makes tensors, plain containers and what the
user allowed.

A pickle is a program for a stack machine. This machine knows only the instructions that data needs,
calls only the functions in a fixed table (or named with `add_safe_globals`), and sets attributes
only on instances of allowed classes, never on classes or functions themselves.
"""

import collections
import pickle
import pickletools
import struct
import warnings
from _codecs import encode

from . import _names, _utils
from .nn.parameter import Parameter

UnpicklingError = pickle.UnpicklingError

_BLOCKED_MODULES = frozenset(("sys", "os", "posix", "nt"))
_REBUILD = (
    "_rebuild_tensor",
    "_rebuild_tensor_v2",
    "_rebuild_tensor_v3",
    "_rebuild_sparse_tensor",
    "_rebuild_qtensor",
    "_rebuild_nested_tensor",
    "_rebuild_wrapper_subclass",
    "_rebuild_meta_tensor_no_storage",
    "_rebuild_device_tensor_from_numpy",
    "_rebuild_device_tensor_from_cpu_tensor",
)

_ALLOWED = {
    "collections.OrderedDict": collections.OrderedDict,
    "collections.Counter": collections.Counter,
    "torch.nn.parameter.Parameter": Parameter,
    "_codecs.encode": encode,  # bytes, under protocol 2
    "builtins.bytearray": bytearray,
    "builtins.set": set,
    "builtins.complex": complex,
}
_ALLOWED.update({f"{module}.{name}": thing for (module, name), thing in _names.MOVED.items()})
_ALLOWED.update({f"torch._utils.{name}": getattr(_utils, name) for name in _REBUILD})

# PyTorch writes protocol 2, where the names of Python 2 stand for some modules.
_PYTHON_2_NAMES = {"__builtin__": "builtins", "copy_reg": "copyreg"}
_SETTABLE = (dict, collections.OrderedDict, collections.Counter)

_user_allowed = []


def add_safe_globals(safe_globals):
    """Allow classes and functions, or (object, "full.name") pairs, in `weights_only` loading."""
    _user_allowed.extend(g for g in safe_globals if g not in _user_allowed)


def get_safe_globals():
    """What the user has allowed."""
    return list(_user_allowed)


def clear_safe_globals():
    """Allow nothing beyond the defaults any more."""
    _user_allowed.clear()


class safe_globals:
    """A context manager inside which the given globals are allowed."""

    def __init__(self, safe_globals):
        self.safe_globals = safe_globals

    def __enter__(self):
        self._added = [g for g in self.safe_globals if g not in _user_allowed]
        _user_allowed.extend(self._added)

    def __exit__(self, *exc):
        for g in self._added:
            if g in _user_allowed:
                _user_allowed.remove(g)


def _user_table():
    table = {}
    for entry in _user_allowed:
        if not isinstance(entry, tuple):
            module, name = _names.torch_name(entry) or (entry.__module__, entry.__qualname__)
            table[f"{module}.{name}"] = entry
            continue
        if len(entry) != 2:
            raise ValueError(
                "Expected tuple of length 2 (global, str of callable full path), but got tuple "
                f"of length: {len(entry)}"
            )
        if not isinstance(entry[1], str):
            raise TypeError(
                "Expected second item in tuple to be str of callable full path, but got: "
                f"{type(entry[1])}"
            )
        table[entry[1]] = entry[0]
    return table


def _find_global(module, name, user):
    module = _PYTHON_2_NAMES.get(module, module)
    path = f"{module}.{name}"
    if module.split(".")[0] in _BLOCKED_MODULES:
        raise UnpicklingError(
            f"Trying to load unsupported GLOBAL {path} whose module {module} is blocked."
        )
    for table in (_ALLOWED, user):
        if path in table:
            return table[path]
    path = path.removeprefix("builtins.")
    raise UnpicklingError(
        f"Unsupported global: GLOBAL {path} was not an allowed global by default. Please use "
        f"`torch.serialization.add_safe_globals([{path}])` or the "
        f"`torch.serialization.safe_globals([{path}])` context "
        "manager to allowlist this global if you trust this class/function."
    )


class _Outside(Exception):
    """Carries an exception of `persistent_load`, which is no fault of the pickle's."""

    def __init__(self, error):
        self.error = error


class Unpickler:
    """Reads one pickle from a file. `persistent_load(id)` gives the storages."""

    def __init__(self, file, *, encoding="bytes"):
        self.encoding = encoding
        self._file = file
        self._memo = {}
        self._user = _user_table()
        self._trusted = {id(v) for v in (*_ALLOWED.values(), *self._user.values())}
        # State may be put into instances of these; not into dtypes or devices, which everybody
        # shares.
        self._buildable = {id(v) for v in self._user.values()}

    def persistent_load(self, pid):
        """The object with a persistent id. Users of this class replace it."""
        raise UnpicklingError("unsupported persistent id encountered")

    def load(self):
        """The object the pickle describes.

        Raises UnpicklingError for what is not allowed or makes no sense, EOFError when the pickle
        ends too early.
        """
        self._stack = []
        self._marks = []
        try:
            return self._run()
        except _Outside as e:
            raise e.error from e.error.__cause__
        except (EOFError, UnpicklingError, RuntimeError, MemoryError):
            raise
        except (
            ImportError,
            AttributeError,
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
            struct.error,
        ) as e:
            raise UnpicklingError(f"the pickle is damaged: {type(e).__name__}: {e}") from e

    def _run(self):
        while True:
            code = self._read(1)
            if code == pickle.STOP:
                return self._stack.pop()
            instruction = _INSTRUCTIONS.get(code)
            if instruction is None:
                raise UnpicklingError(f"Unsupported operand {code[0]}")
            instruction(self)

    def _read(self, n):
        data = self._file.read(n)
        if len(data) < n:
            raise EOFError("Ran out of input")
        return data

    def _number(self, layout):
        return struct.unpack(layout, self._read(struct.calcsize(layout)))[0]

    def _line(self):
        line = self._file.readline()
        if not line.endswith(b"\n"):
            raise EOFError("Ran out of input")
        return line[:-1].decode()

    def _take_marked(self):
        items, self._stack = self._stack, self._marks.pop()
        return items

    # ---- what is not plain data ----

    def _global(self):
        module, name = self._line(), self._line()
        self._stack.append(_find_global(module, name, self._user))

    def _stack_global(self):
        name, module = self._stack.pop(), self._stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise UnpicklingError("a global's module and name must be strings")
        self._stack.append(_find_global(module, name, self._user))

    def _reduce(self):
        arguments, function = self._stack.pop(), self._stack[-1]
        if id(function) not in self._trusted:
            raise UnpicklingError(f"Trying to call reduce for unrecognized function {function}")
        self._stack[-1] = function(*arguments)

    def _newobj(self):
        arguments, cls = self._stack.pop(), self._stack.pop()
        if id(cls) not in self._trusted or not isinstance(cls, type):
            raise UnpicklingError(
                "Can only create new object for nn.Parameter or classes allowlisted via "
                f"`add_safe_globals` but got {cls}"
            )
        self._stack.append(cls(*arguments) if cls is Parameter else cls.__new__(cls, *arguments))

    def _build(self):
        state, made = self._stack.pop(), self._stack[-1]
        cls = type(made)
        if cls is collections.OrderedDict or cls is Parameter:
            made.__dict__.update(state)
        elif id(cls) not in self._buildable:
            raise UnpicklingError(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via "
                "`add_safe_globals`, but got "
                f"{cls}"
            )
        elif hasattr(made, "__setstate__"):
            made.__setstate__(state)
        else:
            _utils._set_attributes(made, state)

    def _persistent(self):
        pid = self._stack.pop()
        if not isinstance(pid, tuple) or not pid or pid[0] not in ("storage", b"storage"):
            got = type(pid[0]) if isinstance(pid, tuple) and pid else pid
            raise UnpicklingError(f"Only persistent_load of storage is allowed, but got {got}")
        try:
            loaded = self.persistent_load(pid)
        except Exception as error:
            raise _Outside(error) from None
        self._stack.append(loaded)

    def _protocol(self):
        protocol = self._read(1)[0]
        if protocol != 2:
            warnings.warn(
                f"Detected pickle protocol {protocol} in the checkpoint, which was not the "
                "default pickle protocol used by "
                "`torch.load` (2). The weights_only Unpickler might not support all instructions "
                "implemented by this "
                "protocol, please file an issue for adding support if you encounter this.",
                stacklevel=6,
            )

    # ---- containers ----

    def _mark(self):
        self._marks.append(self._stack)
        self._stack = []

    def _marked_tuple(self):
        items = self._take_marked()
        self._stack.append(tuple(items))

    def _tuple(self, n):
        items = self._stack[-n:]
        if len(items) < n:
            raise UnpicklingError("pickle exhausted before end of tuple")
        self._stack[-n:] = [tuple(items)]

    def _extend(self, items):
        target = self._stack[-1]
        if type(target) is not list:
            raise UnpicklingError(f"Can only append to lists, but got {type(target)}")
        target.extend(items)

    def _set_items(self, items):
        target = self._stack[-1]
        if type(target) not in _SETTABLE:
            raise UnpicklingError(
                "Can only SETITEM for dict, collections.OrderedDict, collections.Counter, but "
                f"got {type(target)}"
            )
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[key] = value

    def _set_item(self):
        value, key = self._stack.pop(), self._stack.pop()
        self._set_items((key, value))

    # ---- leaves ----

    def _string(self, layout):
        self._stack.append(str(self._read(self._number(layout)), "utf-8", "surrogatepass"))

    def _old_string(self, layout):
        data = self._read(self._number(layout))
        self._stack.append(data if self.encoding == "bytes" else data.decode(self.encoding))

    def _long(self, layout):
        self._stack.append(pickle.decode_long(self._read(self._number(layout))))

    def _get(self, layout):
        self._stack.append(self._memo[self._number(layout)])

    def _put(self, layout):
        self._memo[self._number(layout)] = self._stack[-1]


def _push(make):
    return lambda machine: machine._stack.append(make())


def _numeric(layout):
    return lambda machine: machine._stack.append(machine._number(layout))


def _with(method, *args):
    return lambda machine: method(machine, *args)


_U = Unpickler
_INSTRUCTIONS = {
    pickle.PROTO: _U._protocol,
    pickle.GLOBAL: _U._global,
    pickle.STACK_GLOBAL: _U._stack_global,
    pickle.REDUCE: _U._reduce,
    pickle.NEWOBJ: _U._newobj,
    pickle.BUILD: _U._build,
    pickle.BINPERSID: _U._persistent,
    pickle.MARK: _U._mark,
    pickle.TUPLE: _U._marked_tuple,
    pickle.TUPLE1: _with(_U._tuple, 1),
    pickle.TUPLE2: _with(_U._tuple, 2),
    pickle.TUPLE3: _with(_U._tuple, 3),
    pickle.APPEND: lambda m: m._extend((m._stack.pop(),)),
    pickle.APPENDS: lambda m: m._extend(m._take_marked()),
    pickle.SETITEM: _U._set_item,
    pickle.SETITEMS: lambda m: m._set_items(m._take_marked()),
    pickle.NONE: _push(lambda: None),
    pickle.NEWTRUE: _push(lambda: True),
    pickle.NEWFALSE: _push(lambda: False),
    pickle.EMPTY_TUPLE: _push(tuple),
    pickle.EMPTY_LIST: _push(list),
    pickle.EMPTY_DICT: _push(dict),
    pickle.EMPTY_SET: _push(set),
    pickle.BININT: _numeric("<i"),
    pickle.BININT1: _numeric("<B"),
    pickle.BININT2: _numeric("<H"),
    pickle.BINFLOAT: _numeric(">d"),
    pickle.LONG1: _with(_U._long, "<B"),
    pickle.BINUNICODE: _with(_U._string, "<I"),
    pickle.SHORT_BINUNICODE: _with(_U._string, "<B"),
    pickle.SHORT_BINSTRING: _with(_U._old_string, "<B"),
    pickle.BINGET: _with(_U._get, "<B"),
    pickle.LONG_BINGET: _with(_U._get, "<I"),
    pickle.BINPUT: _with(_U._put, "<B"),
    pickle.LONG_BINPUT: _with(_U._put, "<I"),
    # Protocols 3 and 4: bytes, frames (no more than a hint) and a memo that numbers itself.
    pickle.BINBYTES: lambda m: m._stack.append(m._read(m._number("<I"))),
    pickle.SHORT_BINBYTES: lambda m: m._stack.append(m._read(m._number("<B"))),
    pickle.FRAME: lambda m: m._read(8),
    pickle.MEMOIZE: lambda m: m._memo.__setitem__(len(m._memo), m._stack[-1]),
}


def globals_in_pickle(file):
    """The full names of the globals in a pickle, without loading it."""
    found, strings = set(), []
    for code, argument, _ in pickletools.genops(file):
        if code.name == "GLOBAL":
            found.add(argument.replace(" ", ".", 1))
        elif code.name == "STACK_GLOBAL":
            found.add(".".join(strings[-2:]))
        elif isinstance(argument, str):
            strings.append(argument)
    return found


def is_allowed(name):
    """True for the full name of a global that loads by default or was allowed."""
    return name in _ALLOWED or name in _user_table()
