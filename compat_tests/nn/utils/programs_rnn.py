"""Packing and padding of sequences."""

from compat_tests.semantics.observe import attempt


def _rnn(torch):
    return torch.nn.utils.rnn


def _sequences(torch, *lengths):
    return [torch.arange(float(n * 2)).view(n, 2) + 10 * n for n in lengths]


def _fields(packed):
    return type(packed).__name__, list(packed)


def pad(torch):
    pad_sequence = _rnn(torch).pad_sequence
    parts = _sequences(torch, 2, 4, 1)
    return (
        pad_sequence(parts),
        pad_sequence(parts, batch_first=True),
        pad_sequence(parts, True, -1.5),
        pad_sequence(parts, batch_first=True, padding_value=7, padding_side="left"),
        pad_sequence(tuple(torch.arange(n) for n in (3, 1)), batch_first=True),
        pad_sequence(torch.ones(2, 3), batch_first=True),
    )


def pad_mistakes(torch):
    pad_sequence = _rnn(torch).pad_sequence
    return [
        attempt(pad_sequence, *args, **kwargs)
        for args, kwargs in (
            ((3,), {}),
            (([],), {}),
            ((_sequences(torch, 2),), {"padding_side": "middle"}),
            (([torch.ones(2, 3), torch.ones(2, 2)],), {}),
        )
    ]


def pad_gradient(torch):
    a, b = torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)
    out = _rnn(torch).pad_sequence([a, b], batch_first=True)
    (out * torch.arange(6.0).view(2, 3)).sum().backward()
    return a.grad, b.grad


def unpad(torch):
    rnn = _rnn(torch)
    padded = rnn.pad_sequence(_sequences(torch, 2, 4, 1))
    lengths = torch.tensor([2, 4, 1])
    return (
        rnn.unpad_sequence(padded.transpose(0, 1), lengths, batch_first=True),
        rnn.unpad_sequence(padded, lengths),
        padded,
    )


def pack_padded(torch):
    rnn = _rnn(torch)
    padded = torch.arange(24.0).view(4, 3, 2)
    return [
        _fields(packed)
        for packed in (
            rnn.pack_padded_sequence(padded, [4, 2, 1]),
            rnn.pack_padded_sequence(padded, torch.tensor([4, 4, 4])),
            rnn.pack_padded_sequence(padded, [1, 4, 2], enforce_sorted=False),
            rnn.pack_padded_sequence(padded.transpose(0, 1), [3, 3, 2], batch_first=True),
            rnn.pack_padded_sequence(padded, torch.tensor([2, 3, 3]), enforce_sorted=False),
        )
    ]


def pack_mistakes(torch):
    pack = _rnn(torch).pack_padded_sequence
    padded = torch.ones(4, 3, 2)
    return [
        attempt(pack, padded, lengths, **options)
        for lengths, options in (
            ([1, 2, 3], {}),
            ([3, 2], {}),
            ([3, 2, 0], {}),
            ([3, 2, -1], {"enforce_sorted": False}),
            ([], {}),
            ([2, 2, 2, 2], {"batch_first": False}),
        )
    ]


def pad_packed(torch):
    rnn = _rnn(torch)
    packed = rnn.pack_sequence(_sequences(torch, 1, 4, 2), enforce_sorted=False)
    return (
        rnn.pad_packed_sequence(packed),
        rnn.pad_packed_sequence(packed, batch_first=True),
        rnn.pad_packed_sequence(packed, padding_value=-1.0, total_length=6),
        attempt(rnn.pad_packed_sequence, packed, total_length=3),
        rnn.unpack_sequence(packed),
    )


def pack_sequences(torch):
    rnn = _rnn(torch)
    return (
        _fields(rnn.pack_sequence(_sequences(torch, 3, 2, 2))),
        _fields(rnn.pack_sequence(_sequences(torch, 2, 3), enforce_sorted=False)),
        attempt(rnn.pack_sequence, _sequences(torch, 2, 3)),
    )


def gradients_through_packing(torch):
    rnn = _rnn(torch)
    x = torch.arange(24.0).view(4, 3, 2).requires_grad_()
    packed = rnn.pack_padded_sequence(x, [2, 4, 1], enforce_sorted=False)
    padded, _ = rnn.pad_packed_sequence(packed)
    (padded * padded).sum().backward()
    return x.grad


def packed_sequence_methods(torch):
    packed = _rnn(torch).pack_sequence(_sequences(torch, 1, 2), enforce_sorted=False)
    return (
        [getattr(packed, name)().data.dtype for name in
         "double float half long int short char byte".split()],
        packed.to(torch.float64).data.dtype,
        packed.to("cpu") is packed,
        packed.cpu().data,
        packed.is_cuda,
        packed.data.shape,
    )  # fmt: skip


def packed_sequence_by_hand(torch):
    made = _rnn(torch).PackedSequence
    data, sizes = torch.arange(3.0), torch.tensor([2, 1])
    by_tuple = made((data, sizes))
    with_order = made(data, sizes, torch.tensor([1, 0]))
    return _fields(made(data, sizes)), _fields(by_tuple), _fields(with_order)


def invert_permutation(torch):
    f = _rnn(torch).invert_permutation
    return f(torch.tensor([2, 0, 1])), f(None)


def through_an_lstm(torch):
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(2, 3, bidirectional=True)
    packed = _rnn(torch).pack_sequence(_sequences(torch, 1, 4, 2), enforce_sorted=False)
    out, (h, c) = lstm(packed)
    return out.data.detach(), out.batch_sizes, out.unsorted_indices, h, c
