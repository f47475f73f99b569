# ruff: noqa: E711  (comparison with None is among what is compared)
"""Dtypes: promotion with numbers and 0-dim tensors, defaults, division, comparison, conversion."""

from compat_tests.semantics.observe import attempt

_KINDS = (
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
)


def _makes_complex32(torch, a, b):
    # A tensor of half floats times a 0-dim complex one.
    return a == torch.float16 and b.is_complex


def _all(torch):
    return [getattr(torch, k) for k in _KINDS]


def promote_every_pair(torch):
    return [torch.promote_types(a, b) for a in _all(torch) for b in _all(torch)]


def add_every_pair(torch):
    return [
        (torch.ones(2, dtype=a) + torch.ones(2, dtype=b)).dtype
        for a in _all(torch)
        for b in _all(torch)
    ]


def zero_dim_with_dimensioned(torch):
    pairs = [(a, b) for a in _all(torch) for b in _all(torch) if not _makes_complex32(torch, a, b)]
    return [(torch.ones(2, dtype=a) * torch.ones((), dtype=b)).dtype for a, b in pairs]


def python_numbers(torch):
    return [
        (torch.ones(2, dtype=a) * n).dtype
        for a in _all(torch)
        for n in (True, 2, 2.5, 1j)
        if a != torch.float16
    ]


def python_numbers_with_zero_dim(torch):
    return [
        (torch.ones((), dtype=a) + n).dtype
        for a in _all(torch)
        for n in (True, 2, 2.5, 1j)
        if a != torch.float16
    ]


def half_with_numbers(torch):
    x = torch.ones(2, dtype=torch.float16)
    return x * 2, x * 2.5, x + True


def half_with_complex_number(torch):
    return (torch.ones(2, dtype=torch.float16) * 1j).dtype


def division_dtypes(torch):
    return [
        (torch.ones(2, dtype=a) / torch.ones(2, dtype=b)).dtype
        for a in _all(torch)[:9]
        for b in _all(torch)[:9]
    ]


def reflected_numbers(torch):
    x = torch.tensor([1, 2, 3])
    return 2 - x, 2.0 - x, 6 / x, 7 // x, 7 % x, 2**x, 2.0**x, True + x, 10 & x, 1 << x


def integer_division(torch):
    a, b = torch.tensor([7, -7, 7, -7]), torch.tensor([2, 2, -2, -2])
    return (
        a / b,
        a // b,
        a % b,
        torch.fmod(a, b),
        torch.div(a, b, rounding_mode="trunc"),
        torch.div(a, b, rounding_mode="floor"),
        divmod(7, 2),
    )


def integer_division_by_zero(torch):
    x = torch.tensor([1, 2])
    return attempt(lambda: (x // 0).tolist()), attempt(lambda: (x % 0).tolist()), x / 0


def float_floor_division(torch):
    a = torch.tensor([7.5, -7.5, 1.0, 0.0])
    return a // 2, a % 2, a // torch.tensor([0.0, 0.0, -0.3, 0.0]), a.remainder(-2)


def default_dtype_double(torch):
    torch.set_default_dtype(torch.float64)
    made = (
        torch.tensor([1.0]),
        torch.ones(2),
        torch.arange(3.0),
        torch.tensor([1]) / 2,
        torch.tensor([1]) * 1.5,
        torch.tensor(1j),
        torch.rand(2).dtype,
    )
    torch.set_default_dtype(torch.float32)
    return made, torch.get_default_dtype()


def default_dtype_half(torch):
    torch.set_default_dtype(torch.float16)
    return torch.tensor([1.0]), torch.tensor([2]).sqrt().dtype


def default_dtype_errors(torch):
    return attempt(torch.set_default_dtype, torch.int64), attempt(
        torch.set_default_dtype, "float32"
    )


def inferred_dtypes(torch):
    return [
        torch.tensor(v).dtype
        for v in (
            1,
            1.0,
            True,
            1j,
            [1, 2.0],
            [True, 2],
            [1, 1j],
            [],
            [[]],
            (1, 2),
            [torch.tensor(1), torch.tensor(2)],
        )
    ]


def tensor_of_bad_data(torch):
    return (
        attempt(torch.tensor, [[1, 2], [3]]),
        attempt(torch.tensor, "abc"),
        attempt(torch.tensor, None),
        attempt(torch.tensor, [1, None]),
        attempt(torch.tensor, ["a"]),
        attempt(torch.tensor, {}),
        attempt(torch.tensor, [[1], 2]),
        attempt(torch.tensor, 2**70),
        attempt(torch.tensor, object()),
    )


def tensor_range_of_dtype(torch):
    return (
        attempt(torch.tensor, 300, dtype=torch.uint8),
        attempt(torch.tensor, -1, dtype=torch.uint8),
        attempt(torch.full, (2,), 2**40, dtype=torch.int32),
    )


def numbers_that_do_not_fit(torch):
    ints, bytes_, halves = (
        torch.ones(2, dtype=d) for d in (torch.int8, torch.uint8, torch.float16)
    )
    mask = torch.tensor([True, False])
    first = torch.tensor([0])

    def assign(index, value):
        ints[index] = value
        return ints

    return (
        attempt(torch.full, (2,), 1e6, dtype=torch.float16),
        attempt(torch.full, (2,), 1e39),
        attempt(torch.full, (2,), float("inf"), dtype=torch.float16),
        attempt(torch.full, (2,), 1e39 + 1j, dtype=torch.complex64),
        attempt(torch.full, (2,), 1 + 1j, dtype=torch.float32),
        attempt(torch.full, (2,), 300, dtype=torch.bool),
        attempt(torch.full, (2,), 127.9, dtype=torch.int8),
        attempt(torch.full, (2,), -1.5, dtype=torch.uint8),
        attempt(torch.full, (2,), -255, dtype=torch.uint8),
        attempt(torch.full, (2,), -256, dtype=torch.uint8),
        attempt(torch.full_like, ints, 200),
        attempt(ints.new_full, (2,), -200),
        attempt(ints.fill_, 200),
        attempt(halves.fill_, 1e6),
        attempt(ints.fill_, float("nan")),
        attempt(bytes_.masked_fill, mask, 300),
        attempt(ints.masked_fill_, mask, -129),
        attempt(ints.index_fill, 0, first, 200),
        attempt(ints.scatter, 0, first, 200),
        attempt(torch.where, mask, ints, 200),
        attempt(torch.nn.functional.pad, ints, (1, 1), value=200),
        attempt(torch.fill, ints, torch.tensor(200)),
        attempt(assign, 0, 200),
        attempt(assign, mask, 200),
        attempt(lambda: bytes_ + 300),
        attempt(ints.clamp, max=200),
        attempt(bytes_.clamp, -5, 300),
        attempt(bytes_.clamp, min=-1),
        attempt(ints.clamp_max_, 200),
        attempt(ints.clamp, max=200.5),
        attempt(halves.clamp, max=1e6),
        attempt(halves.clamp, max=float("inf")),
        ints,
        halves,
    )


def bool_arithmetic(torch):
    a, b = torch.tensor([True, False, True]), torch.tensor([True, True, False])
    return (
        a + b,
        a * b,
        a & b,
        a | b,
        a ^ b,
        ~a,
        a == b,
        a.sum(),
        a.float().mean(),
        a + 1,
        a * 2.5,
        attempt(lambda: a - b),
        attempt(lambda: -a),
    )


def bool_reductions(torch):
    a = torch.tensor([[True, False], [True, True]])
    return (
        a.all(),
        a.any(0),
        a.all(1),
        a.sum(0),
        a.prod(),
        attempt(a.mean),
        a.cumsum(0),
        a.max(),
        a.argmax(),
        a.any(),
        a.count_nonzero(),
    )


def uint8_arithmetic(torch):
    u = torch.tensor([0, 1, 200, 255], dtype=torch.uint8)
    return (
        u + 100,
        u - 1,
        u * 2,
        ~u,
        -u,
        u << 1,
        u >> 1,
        u.sum(),
        u.prod(),
        u / 2,
        u // 7,
        u.abs(),
        u + 0.5,
        u == 255,
        u.float().mean(),
    )


def int_overflow_wraps(torch):
    return (
        torch.tensor([127], dtype=torch.int8) + 1,
        torch.tensor([2**31 - 1], dtype=torch.int32) + 1,
        torch.tensor([2**63 - 1]) + 1,
    )


def integer_pow(torch):
    x = torch.tensor([2, -3, 0])
    return (
        x**2,
        x**0,
        x**2.0,
        attempt(lambda: x**-1),
        x ** torch.tensor([3, 3, 0]),
        torch.tensor(2) ** 10,
        torch.pow(2, x.abs()),
    )


def integer_unary_to_float(torch):
    x = torch.tensor([1, 4])
    return (
        x.sqrt(),
        x.exp(),
        x.sigmoid(),
        x.float().softmax(0),
        torch.sin(x),
        x.reciprocal(),
        torch.atan2(x, x),
        attempt(x.softmax, 0),
    )


def integer_float_only_errors(torch):
    x = torch.tensor([1, 4])
    return (
        attempt(x.mean),
        attempt(x.std),
        attempt(x.norm),
        attempt(torch.nn.functional.relu, torch.tensor([True])),
        attempt(torch.fft.fft, torch.tensor(["x"] if False else 1)),
    )


def reductions_dtypes(torch):
    return [
        (
            x.sum().dtype,
            x.prod().dtype,
            x.cumsum(0).dtype,
            x.max().dtype,
            x.argmax().dtype,
            x.sum(dtype=torch.float64).dtype,
        )
        for x in (torch.ones(2, dtype=d) for d in _all(torch)[:10])
    ]


def mean_with_dtype(torch):
    x = torch.tensor([1, 2])
    return (
        x.mean(dtype=torch.float32),
        x.float().sum(dtype=torch.int64),
        x.half().mean(dtype=torch.float64),
    )


def comparison_promotion(torch):
    i, f = torch.tensor([1, 2, 3]), torch.tensor([1.0, 2.5, 3.0])
    return (
        i == f,
        i < 2.5,
        i > True,
        f == 1,
        f != None,
        i == None,
        i == "a",
        attempt(lambda: i < "a"),
        torch.equal(i, f),
        torch.eq(i, 1),
    )


def where_promotion(torch):
    c = torch.tensor([True, False])
    return (
        torch.where(c, torch.tensor([1, 2]), torch.tensor([0.5, 0.5])),
        torch.where(c, 1, 0),
        torch.where(c, 1.0, 0.0),
        torch.where(c, torch.ones(2, dtype=torch.float16), 0.0),
        torch.where(c, torch.tensor([1, 2]), 0.5),
        torch.where(c),
    )


def cat_and_stack_promotion(torch):
    return (
        torch.cat([torch.tensor([1]), torch.tensor([0.5])]),
        torch.stack([torch.tensor(1), torch.tensor(True)]),
        torch.cat([torch.ones(1, dtype=torch.float16), torch.ones(1, dtype=torch.bfloat16)]).dtype,
    )


def result_type_and_can_cast(torch):
    return (
        torch.result_type(torch.tensor([1]), 1.0),
        torch.result_type(torch.tensor(1), torch.ones(1, dtype=torch.float16)),
        torch.can_cast(torch.float32, torch.int64),
        torch.can_cast(torch.int64, torch.float16),
        torch.result_type(1, 1.0),
        torch.can_cast(torch.float32, torch.bool),
    )


def conversions(torch):
    f = torch.tensor([1.9, -1.9, 0.0, 300.0])
    return (
        f.int(),
        f.long(),
        f.bool(),
        f[:2].to(torch.int8),
        f.half(),
        f.bfloat16(),
        f.double(),
        f.to(torch.complex64),
        f.short(),
    )


def conversion_identity(torch):
    x = torch.ones(2)
    return (
        x.float() is x,
        x.to(torch.float32) is x,
        x.to("cpu") is x,
        x.to(torch.float32, copy=True) is x,
        x.double() is x,
        x.type(torch.float32) is x,
        x.to(x) is x,
    )


def complex_to_real(torch):
    z = torch.tensor([1 + 2j])
    return (
        z.real,
        attempt(z.float),
        attempt(float, z),
        attempt(lambda: z < z),
        z == 1 + 2j,
        z.abs().dtype,
        attempt(z.max),
        z.conj().resolve_conj(),
    )


def dtype_properties(torch):
    return [
        (d.is_floating_point, d.is_complex, d.itemsize, str(d), repr(d), d.is_signed)
        for d in _all(torch)
    ]


def dtype_aliases(torch):
    return (
        torch.float is torch.float32,
        torch.long is torch.int64,
        torch.half is torch.float16,
        torch.double is torch.float64,
        torch.int is torch.int32,
        torch.cfloat is torch.complex64,
    )


def dtype_as_key(torch):
    return (
        {str(k): v for k, v in {torch.float32: 1, torch.int64: 2}.items()},
        torch.float32 == torch.float32,
        torch.float32 != torch.int64,
        torch.float32.to_complex(),
        torch.complex64.to_real(),
    )


def finfo_iinfo(torch):
    f, h, b, i = (
        torch.finfo(torch.float32),
        torch.finfo(torch.float16),
        torch.finfo(torch.bfloat16),
        torch.iinfo(torch.int8),
    )
    return (
        f.max,
        f.eps,
        f.tiny,
        h.max,
        h.eps,
        b.eps,
        b.max,
        i.min,
        i.max,
        i.bits,
        f.bits,
        attempt(torch.finfo, torch.int32),
        attempt(torch.iinfo, torch.float32),
    )


def legacy_type_names(torch):
    x = torch.ones(2)
    return (
        x.type(),
        x.type("torch.LongTensor"),
        x.long().type(),
        torch.FloatTensor([1, 2]),
        torch.LongTensor(2).shape,
        torch.IntTensor([1]).dtype,
        x.type(torch.float64).type(),
    )


def arange_dtypes(torch):
    return (
        torch.arange(3),
        torch.arange(3.0),
        torch.arange(0, 1, 0.25),
        torch.arange(3, dtype=torch.float32),
        torch.arange(5, 0, -2),
        attempt(torch.arange, 0, 3, -1),
        attempt(torch.arange, 3, 0),
        torch.linspace(0, 1, 3),
    )


def full_dtypes(torch):
    return (
        torch.full((2,), 1),
        torch.full((2,), 1.0),
        torch.full((2,), True),
        torch.full((1,), 1j),
        torch.zeros(2, dtype=torch.int32),
        torch.empty(0).dtype,
        torch.eye(2),
    )


def half_arithmetic(torch):
    h = torch.tensor([1.0, 65504.0, 6e-8], dtype=torch.float16)
    b = torch.tensor([1.0, 3.14159, 1e30], dtype=torch.bfloat16)
    return h * 2, h + 1, b * 2, b + 1, h.sum(), b.mean(), h / 3, b / 3, (h @ h).dtype


def nan_and_inf(torch):
    x = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0])
    return (
        x.isnan(),
        x.isinf(),
        x.isfinite(),
        x == x,
        x.max(),
        x.nan_to_num(),
        x[1:].sum(),
        x.nansum(),
        x.argmax(),
        torch.maximum(x, torch.zeros(4)),
        x.clamp(-1, 1),
        x.sign(),
    )


def shifts_and_bits(torch):
    x = torch.tensor([1, -8, 7])
    return (
        x << 2,
        x >> 1,
        x & 6,
        x | 1,
        x ^ 3,
        ~x,
        attempt(lambda: torch.ones(1) & 1),
        attempt(lambda: ~torch.ones(1)),
        attempt(lambda: torch.ones(1) << 1),
    )


def matmul_dtype_errors(torch):
    f, i, d = (
        torch.ones(2, 2),
        torch.ones(2, 2, dtype=torch.int64),
        torch.ones(2, 2, dtype=torch.float64),
    )
    return (
        i @ i,
        attempt(lambda: f @ i),
        attempt(lambda: f @ d),
        attempt(torch.dot, f[0], d[0]),
        attempt(torch.nn.functional.linear, f, d),
        attempt(torch.einsum, "ij,jk->ik", f, d),
    )


def loss_dtype_errors(torch):
    F = torch.nn.functional
    x = torch.ones(2, 3)
    return (
        attempt(F.cross_entropy, x, torch.tensor([0, 1], dtype=torch.int32)),
        attempt(F.nll_loss, x, torch.tensor([0.0, 1.0])),
        attempt(F.embedding, torch.tensor([0.0]), x),
        attempt(F.one_hot, torch.tensor([0.0])),
    )


def index_dtype_errors(torch):
    x = torch.ones(3)
    return (
        attempt(x.__getitem__, torch.tensor([0.0])),
        attempt(x.gather, 0, torch.tensor([0], dtype=torch.int16)),
        attempt(x.index_select, 0, torch.tensor([0.0])),
        x[torch.tensor([0, 2], dtype=torch.int32)],
        attempt(x.masked_fill, torch.tensor([1, 0, 1]), 0.0),
    )


def scatter_dtype_errors(torch):
    x = torch.zeros(3)
    i = torch.tensor([0])
    return (
        attempt(x.scatter, 0, i, torch.ones(1, dtype=torch.float64)),
        attempt(x.index_add, 0, i, torch.ones(1, dtype=torch.int64)),
        attempt(x.index_copy, 0, i, torch.ones(1, dtype=torch.float64)),
        attempt(x.index_put, (i,), torch.ones(1, dtype=torch.float64)),
    )


def clamp_promotion(torch):
    i = torch.tensor([1, 5, 9])
    return (
        i.clamp(2, 6),
        i.clamp(min=2.5),
        i.clamp(max=torch.tensor(4.5)),
        torch.maximum(i, torch.tensor([2.5, 2.5, 2.5])),
        i.clamp(2, 6).dtype,
        attempt(i.clamp),
    )


def addition_alpha(torch):
    i = torch.tensor([1, 2])
    return (
        torch.add(i, i, alpha=2),
        attempt(torch.add, i, i, alpha=0.5),
        torch.sub(i, 1, alpha=3),
        torch.add(i.float(), 1, alpha=0.5),
        attempt(torch.add, torch.tensor([True]), torch.tensor([True]), alpha=1.5),
    )


def scalar_tensor_results(torch):
    x = torch.tensor(3)
    return (
        x * torch.tensor(2.5),
        x / 2,
        x + torch.tensor([1], dtype=torch.int8),
        torch.tensor(2.0) * torch.ones(2, dtype=torch.float64),
        torch.tensor(2.0, dtype=torch.float64) * torch.ones(2),
        -x,
        abs(-x),
        x**0.5,
    )


def pow_dtypes(torch):
    return [
        (a**b).dtype
        for a in (torch.tensor([2]), torch.tensor([2.0]), torch.tensor(2))
        for b in (2, 2.0, torch.tensor(2), torch.tensor([2.0]), True)
    ]


def nextafter_and_copysign(torch):
    return (
        torch.copysign(torch.tensor([1, 2]), -1.0),
        torch.ldexp(torch.tensor([1.0]), torch.tensor([3])),
        torch.true_divide(torch.tensor([1]), 2),
        torch.float_power(torch.tensor([2]), 3),
        torch.heaviside(torch.tensor([0.0, 1.0]), torch.tensor([0.5])),
    )


def rounding_half_even(torch):
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5])
    return (
        x.round(),
        x.floor(),
        x.ceil(),
        x.trunc(),
        torch.round(torch.tensor([1.235, 2.345]), decimals=2),
        torch.tensor([1, 2]).round(),
        torch.tensor([1, 2]).floor(),
    )
