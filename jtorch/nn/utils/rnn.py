"""Sequences of different lengths in one batch."""

from collections import namedtuple
from itertools import pairwise

from ..._engine.device import device as Device
from ..._engine.dtypes import int64
from ..._engine.formats import contiguous_format
from ..._engine.tensor import Tensor
from ...ops.registry import ops

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

PackedSequence_ = namedtuple(
    "PackedSequence", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"]
)
PackedSequence_.__name__ = PackedSequence_.__qualname__ = "PackedSequence_"


class PackedSequence(PackedSequence_):
    """Sequences laid out step by step; made by `pack_padded_sequence` and `pack_sequence`.

    data (sum of lengths, *); batch_sizes (longest length,): how many sequences reach each step;
    sorted_indices, unsorted_indices (N,): the order by decreasing length, and its inverse.
    """

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if batch_sizes is None:
            # the second form: PackedSequence((data, batch_sizes))
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never "
                "be created manually. They should be instantiated by functions like "
                "pack_sequence and pack_padded_sequences in nn.utils.rnn. "
                "https://docs.pytorch.org/docs/main/nn.html#torch.nn.utils.rnn.pack_sequence"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data):
        if data is self.data:
            return self
        move = {"device": data.device}
        indices = [bind(i, lambda t: t.to(**move)) for i in self[2:]]
        return type(self)(data, self.batch_sizes, *indices)

    def pin_memory(self):
        """With the data in page-locked memory."""
        return self._with(self.data.pin_memory())

    def to(self, *args, **kwargs):
        """With the data moved and/or cast; the arguments are those of `Tensor.to`."""
        return self._with(self.data.to(*args, **kwargs))

    def cuda(self, *args, **kwargs):
        """On the GPU."""
        return self._with(self.data.cuda(*args, **kwargs))

    def cpu(self, *args, **kwargs):
        """On the CPU."""
        return self._with(self.data.to(Device("cpu")))

    def double(self):
        """As float64."""
        return self._with(self.data.double())

    def float(self):
        """As float32."""
        return self._with(self.data.float())

    def half(self):
        """As float16."""
        return self._with(self.data.half())

    def long(self):
        """As int64."""
        return self._with(self.data.long())

    def int(self):
        """As int32."""
        return self._with(self.data.int())

    def short(self):
        """As int16."""
        return self._with(self.data.short())

    def char(self):
        """As int8."""
        return self._with(self.data.char())

    def byte(self):
        """As uint8."""
        return self._with(self.data.byte())

    @property
    def is_cuda(self):
        """True when the data is on a GPU."""
        return self.data.is_cuda

    def is_pinned(self):
        """True when the data is in page-locked memory."""
        return self.data.is_pinned()


def bind(optional, fn):
    """`fn(optional)`, or None for None."""
    return None if optional is None else fn(optional)


def invert_permutation(permutation):
    """The permutation that undoes the given one (None: None)."""
    if permutation is None:
        return None
    return permutation.argsort()


def _length_list(lengths):
    if isinstance(lengths, Tensor):
        return [int(n) for n in lengths.tolist()]
    return [int(n) for n in lengths]


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Pack a padded batch (L, N, *) whose sequences have the given lengths.

    enforce_sorted False: the sequences need not come by decreasing length. Raises RuntimeError
    for lengths that are not sorted, not positive or too long.
    """
    lengths = _length_list(lengths)
    sorted_indices = None
    if not enforce_sorted:
        order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
        lengths = [lengths[i] for i in order]
        sorted_indices = ops.tensor(order, dtype=int64, device=input.device)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    if batch_first:
        input = input.transpose(0, 1)
    _check_lengths(lengths, input)
    steps = lengths[0]
    sizes = [sum(n > t for n in lengths) for t in range(steps)]
    positions = [t * input.size(1) + i for t, size in enumerate(sizes) for i in range(size)]
    flat = input.reshape(input.size(0) * input.size(1), *input.shape[2:])
    index = ops.tensor(positions, dtype=int64, device=input.device)
    batch_sizes = ops.tensor(sizes, dtype=int64, device=Device("cpu"))
    return PackedSequence(flat.index_select(0, index), batch_sizes, sorted_indices, None)


def _check_lengths(lengths, input):
    if len(lengths) != input.size(1):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} "
            f"(batch_size={input.size(1)})"
        )
    if any(a < b for a, b in pairwise(lengths)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
            "You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if lengths[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if lengths[0] > input.size(0):
        raise RuntimeError(
            f"Expected all lengths to be at most {input.size(0)}, the padded length, "
            f"but got {lengths[0]}"
        )


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """Undo the packing: ((L, N, *) padded, lengths (N,)).

    total_length: pad to this length; ValueError when it is less than the longest sequence.
    """
    data, batch_sizes, _, unsorted_indices = sequence
    sizes = _length_list(batch_sizes)
    steps = len(sizes)
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in "
                f"input, but got total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    batch = sizes[0]
    positions = [t * batch + i for t, size in enumerate(sizes) for i in range(size)]
    index = ops.tensor(positions, dtype=int64, device=data.device)
    padded = data.new_full((steps * batch, *data.shape[1:]), padding_value)
    padded = padded.index_copy(0, index, data).reshape(steps, batch, *data.shape[1:])
    lengths = ops.tensor(
        [sum(size > i for size in sizes) for i in range(batch)],
        dtype=int64,
        device=Device("cpu"),
    )
    if batch_first:
        padded = padded.transpose(0, 1)
    if unsorted_indices is not None:
        padded = padded.index_select(0 if batch_first else 1, unsorted_indices)
        lengths = lengths[unsorted_indices.cpu()]
    return padded, lengths


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Tensors (L_i, *) as one, padded to the longest: (L, N, *), or (N, L, *) if batch_first."""
    if not isinstance(sequences, (list, tuple)):
        if not hasattr(sequences, "__iter__"):
            raise RuntimeError(
                "pad_sequence: Expected iterable for input sequences, but got arg of type: "
                f"{type(sequences)}"
            )
        sequences = sequences.unbind(0) if isinstance(sequences, Tensor) else tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    longest = max(s.size(0) for s in sequences)
    padded = [_pad_one(s, longest, padding_value, padding_side) for s in sequences]
    return ops.stack(padded, 0 if batch_first else 1)


def _pad_one(sequence, length, value, side):
    missing = length - sequence.size(0)
    if missing == 0:
        return sequence
    filler = sequence.new_full((missing, *sequence.shape[1:]), value)
    return ops.cat([filler, sequence] if side == "left" else [sequence, filler], 0)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The sequences of a padded batch, each cut to its length."""
    if not batch_first:
        # In place, as torch does it.
        padded_sequences.transpose_(0, 1)
    rows = padded_sequences.unbind(0)
    parts = zip(rows, _length_list(lengths), strict=True)
    return [row[:n].clone(memory_format=contiguous_format) for row, n in parts]


def pack_sequence(sequences, enforce_sorted=True):
    """Pack a list of tensors (L_i, *)."""
    lengths = [s.size(0) for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The list of tensors (L_i, *) that was packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
