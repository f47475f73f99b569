"""torch's dtypes and its type-promotion lattice."""

import builtins

import ml_dtypes
import numpy as np


class dtype:
    """An element type. Instances are singletons: compare them with `is` or `==`."""

    __slots__ = ("name", "np", "kind", "itemsize", "category", "__weakref__")
    __module__ = "torch"

    def __init__(self, name, np_type, kind, category):
        self.name = name
        self.np = np.dtype(np_type)
        self.kind = kind
        self.category = category
        self.itemsize = self.np.itemsize

    @property
    def is_floating_point(self):
        """True for real floating-point types."""
        return self.kind == "f"

    @property
    def is_complex(self):
        """True for complex types."""
        return self.kind == "c"

    @property
    def is_signed(self):
        """True when negative values can be represented."""
        return self.kind in "ifc" and self.name != "float8_e8m0fnu"

    def to_complex(self):
        """The complex type of this precision. Raises RuntimeError where there is none."""
        if self.kind == "c":
            return self
        if self not in _COMPLEX_OF:
            raise RuntimeError(f"Unknown Complex ScalarType for {self!r}")
        return _COMPLEX_OF[self]

    def to_real(self):
        """The real type of this precision."""
        return {complex32: float16, complex64: float32, complex128: float64}.get(self, self)

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return (_by_name, (self.name,))

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


BOOL, INT, FLOAT, COMPLEX = 0, 1, 2, 3


class NamedOnly(dtype):
    """A dtype that programs may name and compare, but of which there are no tensors."""

    __slots__ = ()
    __module__ = "torch"

    def __init__(self, name, kind, itemsize, category):
        self.name = name
        self.kind = kind
        self.category = category
        self.itemsize = itemsize

    @property
    def is_signed(self):
        """As of other types; quantised types and bits have no such property."""
        if self.name.lstrip("q").startswith(("int", "uint", "bits")) and self.name[0] in "qb":
            raise RuntimeError(f"is_signed is not defined for {self!r}")
        return self.kind in "if"

    @property
    def np(self):
        """Raises NotImplementedError: nothing of this type can be made."""
        raise NotImplementedError(f"tensors of {self!r} are not supported by jtorch; {_INSTEAD}")


_INSTEAD = "use torch.int8, torch.uint8 or a floating-point type"

bool = dtype("bool", np.bool_, "b", BOOL)
uint8 = dtype("uint8", np.uint8, "u", INT)
int8 = dtype("int8", np.int8, "i", INT)
int16 = dtype("int16", np.int16, "i", INT)
int32 = dtype("int32", np.int32, "i", INT)
int64 = dtype("int64", np.int64, "i", INT)
uint16 = dtype("uint16", np.uint16, "u", INT)
uint32 = dtype("uint32", np.uint32, "u", INT)
uint64 = dtype("uint64", np.uint64, "u", INT)
float16 = dtype("float16", np.float16, "f", FLOAT)
bfloat16 = dtype("bfloat16", ml_dtypes.bfloat16, "f", FLOAT)
float32 = dtype("float32", np.float32, "f", FLOAT)
float64 = dtype("float64", np.float64, "f", FLOAT)
float8_e4m3fn = dtype("float8_e4m3fn", ml_dtypes.float8_e4m3fn, "f", FLOAT)
float8_e5m2 = dtype("float8_e5m2", ml_dtypes.float8_e5m2, "f", FLOAT)
float8_e4m3fnuz = dtype("float8_e4m3fnuz", ml_dtypes.float8_e4m3fnuz, "f", FLOAT)
float8_e5m2fnuz = dtype("float8_e5m2fnuz", ml_dtypes.float8_e5m2fnuz, "f", FLOAT)
float8_e8m0fnu = dtype("float8_e8m0fnu", ml_dtypes.float8_e8m0fnu, "f", FLOAT)
complex64 = dtype("complex64", np.complex64, "c", COMPLEX)
complex128 = dtype("complex128", np.complex128, "c", COMPLEX)
# NumPy and XLA have no half-precision complex type; the name exists so that code naming it imports.
complex32 = dtype("complex32", np.complex64, "c", COMPLEX)

_COMPLEX_OF = {
    float16: complex32,
    bfloat16: complex64,
    float32: complex64,
    float64: complex128,
}

ALL = (
    bool,
    uint8,
    int8,
    int16,
    int32,
    int64,
    uint16,
    uint32,
    uint64,
    float16,
    bfloat16,
    float32,
    float64,
    float8_e4m3fn,
    float8_e5m2,
    float8_e4m3fnuz,
    float8_e5m2fnuz,
    float8_e8m0fnu,
    complex64,
    complex128,
)
_NAMED_ONLY = (
    *(NamedOnly(f"int{n}", "i", 1, INT) for n in range(1, 8)),
    *(NamedOnly(f"uint{n}", "u", 1, INT) for n in range(1, 8)),
    *(NamedOnly(n, "u", 1, INT) for n in ("bits1x8", "bits2x4", "bits4x2", "bits8", "quint8")),
    *(NamedOnly(n, "u", 1, INT) for n in ("quint4x2", "quint2x4")),
    NamedOnly("bits16", "u", 2, INT),
    NamedOnly("qint8", "i", 1, INT),
    NamedOnly("qint32", "i", 4, INT),
    NamedOnly("float4_e2m1fn_x2", "f", 1, FLOAT),
)
NAMES = {d.name: d for d in (*ALL, complex32, *_NAMED_ONLY)}
ALIASES = {
    "half": float16,
    "float": float32,
    "double": float64,
    "short": int16,
    "int": int32,
    "long": int64,
    "cfloat": complex64,
    "cdouble": complex128,
    "chalf": complex32,
    "bit": NAMES["uint1"],
}
_FROM_NP = {d.np: d for d in ALL}


def _by_name(name):
    return NAMES[name]


def from_np(np_type):
    """The dtype of a NumPy dtype. Raises TypeError for those torch has no type for."""
    found = _FROM_NP.get(np_type) or _FROM_NP.get(np.dtype(np_type).newbyteorder("="))
    if found is None:
        raise TypeError(
            f"can't convert np.ndarray of type {np.dtype(np_type)}. The only supported types are: "
            "float64, float32, "
            "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, "
            "uint8, and bool."
        )
    return found


_default = [float32]


def get_default_dtype():
    """The floating-point type that Python floats become."""
    return _default[0]


def set_default_dtype(d):
    """Set the floating-point type that Python floats become. Raises TypeError for a non-floating
    type.
    """
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    _default[0] = d


def default_complex():
    """The complex type that Python complex numbers become."""
    return {float64: complex128}.get(_default[0], complex64)


def of_python(kind):
    """The dtype a Python number of the type `kind` takes on its own."""
    if kind is builtins.bool:
        return bool
    if kind is int:
        return int64
    return get_default_dtype() if kind is float else default_complex()


_INTS = (uint8, int8, int16, int32, int64)
_FLOATS = (float16, bfloat16, float32, float64)


def _promote_int(a, b):
    if a is uint8 or b is uint8:
        other = b if a is uint8 else a
        if other is uint8:
            return uint8
        return int16 if other is int8 else other
    if a.kind == "u" or b.kind == "u":
        return _promote_wide_unsigned(a, b)
    return a if a.itemsize >= b.itemsize else b


def _promote_wide_unsigned(a, b):
    if a.kind == b.kind:
        return a if a.itemsize >= b.itemsize else b
    raise RuntimeError(
        f"Promotion for uint16, uint32, uint64 types is not supported, attempted to promote {a} "
        f"and {b}"
    )


def _promote_float(a, b):
    if a.itemsize == 1 or b.itemsize == 1:
        raise RuntimeError(
            f"Promotion for Float8 Types is not supported, attempted to promote {a} and {b}"
        )
    if {a, b} == {float16, bfloat16}:
        return float32
    return a if a.itemsize >= b.itemsize else b


def promote_types(a, b):
    """The smallest type that holds both, by torch's lattice."""
    if a is b:
        return a
    if a.category != b.category:
        low, high = (a, b) if a.category < b.category else (b, a)
        if high is complex64 and low is float64:
            return complex128
        return high
    if a.category == INT:
        return _promote_int(a, b)
    if a.category == FLOAT:
        return _promote_float(a, b)
    return complex128


def result_type(dimensioned, zero_dim, numbers):
    """torch's result type.

    Operands fall into three classes: tensors with dimensions, 0-dim tensors, and Python numbers. A
    lower class takes
    part only when its category (bool < int < float < complex) is above that of every higher class.
    """
    best = None
    for group in (dimensioned, zero_dim, numbers):
        combined = None
        for d in group:
            combined = d if combined is None else promote_types(combined, d)
        if combined is None:
            continue
        if best is None:
            best = combined
        elif combined.category > best.category:
            best = _lift(best, combined)
    return best


def _lift(high, low):
    # A number of a higher category takes its width from the tensor: float64 + 1j is complex128.
    if low.category == COMPLEX and high.category == FLOAT:
        return high.to_complex()
    return promote_types(high, low)


def can_cast(source, target):
    """True when torch allows a value of type `source` to be written into `target`."""
    if source.category == COMPLEX and target.category != COMPLEX:
        return False
    if source.category == FLOAT and target.category < FLOAT:
        return False
    return not (source.category != BOOL and target.category == BOOL)
