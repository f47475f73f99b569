"""Recurrent layers and cells."""

import math
import numbers
import warnings

from ...ops.registry import ops
from .. import init
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .module import Module

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "GRUCell",
    "LSTMCell",
    "RNNBase",
    "RNNCell",
    "RNNCellBase",
]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
_ONE_STATE = {"GRU": "gru", "RNN_TANH": "rnn_tanh", "RNN_RELU": "rnn_relu"}


def apply_permutation(tensor, permutation, dim=1):
    """Old name of `tensor.index_select(dim, permutation)`."""
    warnings.warn(
        "`apply_permutation` is deprecated, please use "
        "`tensor.index_select(dim, permutation)` instead",
        FutureWarning,
        stacklevel=2,
    )
    return _permute(tensor, permutation, dim)


def _permute(tensor, permutation, dim=1):
    return tensor.index_select(dim, permutation)


def _check_rnn_sizes(input_size, hidden_size, num_layers, bias, batch_first, proj_size):
    for name, value, kind in (
        ("bias", bias, bool),
        ("batch_first", batch_first, bool),
        ("input_size", input_size, int),
        ("hidden_size", hidden_size, int),
    ):
        if not isinstance(value, kind):
            raise TypeError(
                f"{name} should be of type {kind.__name__}, got: {type(value).__name__}"
            )
    for name, value in (
        ("input_size", input_size),
        ("hidden_size", hidden_size),
        ("num_layers", num_layers),
    ):
        if value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


def _check_dropout(dropout, num_layers):
    number = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an "
            "element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=4,
        )


class RNNBase(Module):
    """Layers of LSTM, GRU or plain cells over a sequence, in one or both directions."""

    __constants__ = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]

    def __init__(
        self,
        mode,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        proj_size=0,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        _check_dropout(dropout, num_layers)
        _check_rnn_sizes(input_size, hidden_size, num_layers, bias, batch_first, proj_size)
        if mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self._make_weights({"device": device, "dtype": dtype})
        self.reset_parameters()

    def _weight_shapes(self, layer):
        """(name, shape) of the weights of one direction of one layer."""
        directions = 2 if self.bidirectional else 1
        state = self.proj_size if self.proj_size > 0 else self.hidden_size
        given = self.input_size if layer == 0 else state * directions
        gates = _GATES[self.mode] * self.hidden_size
        yield "weight_ih", (gates, given)
        yield "weight_hh", (gates, state)
        if self.bias:
            yield "bias_ih", (gates,)
            yield "bias_hh", (gates,)
        if self.proj_size > 0:
            yield "weight_hr", (self.proj_size, self.hidden_size)

    def _make_weights(self, factory):
        names = []
        for layer in range(self.num_layers):
            for suffix in ("", "_reverse") if self.bidirectional else ("",):
                one = []
                for kind, shape in self._weight_shapes(layer):
                    name = f"{kind}_l{layer}{suffix}"
                    setattr(self, name, Parameter(ops.empty(shape, **factory)))
                    one.append(name)
                names.append(one)
        self._all_weights = names
        self._flat_weights_names = [name for one in names for name in one]

    @property
    def _flat_weights(self):
        """All weights in the order of creation, looked up afresh: they may be replaced."""
        return [getattr(self, name) for name in self._flat_weights_names]

    @_flat_weights.setter
    def _flat_weights(self, weights):
        for name, weight in zip(self._flat_weights_names, weights, strict=True):
            if getattr(self, name) is not weight:
                setattr(self, name, weight)

    @property
    def all_weights(self):
        """The weights of each direction of each layer."""
        return [[getattr(self, name) for name in one] for one in self._all_weights]

    def flatten_parameters(self):
        """Nothing to do: weights need not lie side by side."""

    def reset_parameters(self):
        """Draw all weights from the uniform distribution on +-1/sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def check_input(self, input, batch_sizes):
        """Raise RuntimeError unless `input` has the right dimensions and width."""
        expected = 2 if batch_sizes is not None else 3
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. "
                f"Expected {self.input_size}, got {input.size(-1)}"
            )
        dtype = getattr(self, self._flat_weights_names[0]).dtype
        if input.dtype != dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). "
                f"Convert input: input.to({dtype}), or convert model: model.to({input.dtype})"
            )

    def _state_shape(self, input, batch_sizes, width):
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.size(0) if self.batch_first else input.size(1)
        return (self.num_layers * (2 if self.bidirectional else 1), batch, width)

    def get_expected_hidden_size(self, input, batch_sizes):
        """(layers * directions, N, width of the hidden state)."""
        width = self.proj_size if self.proj_size > 0 else self.hidden_size
        return self._state_shape(input, batch_sizes, width)

    def check_hidden_size(self, hx, expected_hidden_size, msg="Expected hidden size {}, got {}"):
        """Raise RuntimeError unless `hx` has the expected shape."""
        if tuple(hx.size()) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(tuple(expected_hidden_size), list(hx.size())))

    def check_forward_args(self, input, hidden, batch_sizes):
        """Check `input` and the initial state."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx, permutation):
        """The state with its batch entries in another order (None: as they are)."""
        return hx if permutation is None else _permute(hx, permutation)

    def _run(self, function, input, hx, batch_sizes):
        """Call the operation, on a padded batch or on the data of a packed sequence."""
        settings = (self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        if batch_sizes is None:
            return function(input, hx, self._flat_weights, *settings, self.batch_first)
        return function(input, batch_sizes, hx, self._flat_weights, *settings)

    def _unpack(self, input):
        """(data, batch_sizes, sorted_indices, unsorted_indices, is_batched)."""
        if isinstance(input, PackedSequence):
            return (*input, True)
        if input.dim() not in (2, 3):
            what = "tensor instead" if self.mode.startswith("RNN") else "instead"
            name = "RNN" if self.mode.startswith("RNN") else self.mode
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.dim()}D {what}")
        batched = input.dim() == 3
        if not batched:
            input = input.unsqueeze(0 if self.batch_first else 1)
        return input, None, None, None, batched

    def _zero_state(self, input, batch_sizes, width):
        shape = self._state_shape(input, batch_sizes, width)
        return ops.zeros(shape, dtype=input.dtype, device=input.device)

    def _repack(self, output, hidden, packed, batch_sizes, batched, indices):
        """What forward returns, from the operation's results."""
        states = hidden if isinstance(hidden, tuple) else (hidden,)
        if packed:
            output = PackedSequence(output, batch_sizes, *indices)
        elif not batched:
            output = output.squeeze(0 if self.batch_first else 1)
            states = tuple(state.squeeze(1) for state in states)
        states = tuple(self.permute_hidden(state, indices[1]) for state in states)
        return output, states if isinstance(hidden, tuple) else states[0]

    def extra_repr(self):
        parts = [f"{self.input_size}, {self.hidden_size}"]
        for name, default in (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0),
            ("bidirectional", False),
        ):
            value = getattr(self, name)
            if value != default:
                parts.append(f"{name}={value}")
        return ", ".join(parts)

    def __getstate__(self):
        # torch finds the weights in a second place.
        return {**super().__getstate__(), "_flat_weights": self._flat_weights}

    def __setstate__(self, state):
        super().__setstate__({k: v for k, v in state.items() if k != "_flat_weights"})
        self.__dict__.setdefault("proj_size", 0)


class _OneStateRNN(RNNBase):
    """A recurrent layer whose state is one tensor: RNN and GRU."""

    def forward(self, input, hx=None):
        """input (L, N, in) or packed, hx (layers * directions, N, hidden) -> output, last state."""
        packed = isinstance(input, PackedSequence)
        input, batch_sizes, sorted_indices, unsorted_indices, batched = self._unpack(input)
        if hx is None:
            hx = self._zero_state(input, batch_sizes, self.hidden_size)
        else:
            hx = self._given_state(hx, packed, batched, sorted_indices)
        self.check_forward_args(input, hx, batch_sizes)
        function = getattr(ops, _ONE_STATE[self.mode])
        output, hidden = self._run(function, input, hx, batch_sizes)
        indices = (sorted_indices, unsorted_indices)
        return self._repack(output, hidden, packed, batch_sizes, batched, indices)

    def _given_state(self, hx, packed, batched, sorted_indices):
        if packed:
            return self.permute_hidden(hx, sorted_indices)
        if hx.dim() != (3 if batched else 2):
            kind, n = ("batched 3-D", 3) if batched else ("unbatched 2-D", 2)
            raise RuntimeError(
                f"For {kind} input, hx should also be {n}-D but got {hx.dim()}-D tensor"
            )
        return hx if batched else hx.unsqueeze(1)


class RNN(_OneStateRNN):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu."""

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__("RNN_" + self.nonlinearity.upper(), *args, **kwargs)


class GRU(_OneStateRNN):
    """Gated recurrent unit (Cho et al. 2014)."""

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), optionally projected."""

    def __init__(self, *args, **kwargs):
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input, batch_sizes):
        """(layers * directions, N, hidden_size)."""
        return self._state_shape(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input, hidden, batch_sizes):
        """Check `input` and the initial (h, c)."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(
            hidden[0],
            self.get_expected_hidden_size(input, batch_sizes),
            "Expected hidden[0] size {}, got {}",
        )
        self.check_hidden_size(
            hidden[1],
            self.get_expected_cell_size(input, batch_sizes),
            "Expected hidden[1] size {}, got {}",
        )

    def permute_hidden(self, hx, permutation):
        """The state, or both, with the batch entries in another order (None: as they are)."""
        if permutation is None:
            return hx
        if isinstance(hx, tuple):
            return tuple(_permute(state, permutation) for state in hx)
        return _permute(hx, permutation)

    def forward(self, input, hx=None):
        """input (L, N, in) or packed, hx (h, c) -> output (L, N, hidden), last (h, c)."""
        packed = isinstance(input, PackedSequence)
        input, batch_sizes, sorted_indices, unsorted_indices, batched = self._unpack(input)
        if hx is None:
            width = self.proj_size if self.proj_size > 0 else self.hidden_size
            hx = (
                self._zero_state(input, batch_sizes, width),
                self._zero_state(input, batch_sizes, self.hidden_size),
            )
            self.check_input(input, batch_sizes)
        else:
            hx = self._given_states(hx, packed, batched)
            self.check_forward_args(input, hx, batch_sizes)
            hx = self.permute_hidden(hx, sorted_indices)
        output, h, c = self._run(ops.lstm, input, hx, batch_sizes)
        indices = (sorted_indices, unsorted_indices)
        return self._repack(output, (h, c), packed, batch_sizes, batched, indices)

    def _given_states(self, hx, packed, batched):
        h, c = hx
        if packed:
            return h, c
        n = 3 if batched else 2
        if h.dim() != n or c.dim() != n:
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {n}-D "
                f"but got ({h.dim()}-D, {c.dim()}-D) tensors"
            )
        return (h, c) if batched else (h.unsqueeze(1), c.unsqueeze(1))


class RNNCellBase(Module):
    """One step of a recurrence: the weights of one layer."""

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        factory = {"device": device, "dtype": dtype}
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(ops.empty((rows, input_size), **factory))
        self.weight_hh = Parameter(ops.empty((rows, hidden_size), **factory))
        if bias:
            self.bias_ih = Parameter(ops.empty(rows, **factory))
            self.bias_hh = Parameter(ops.empty(rows, **factory))
        else:
            self.register_parameter("bias_ih", None)
            self.register_parameter("bias_hh", None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw all weights from the uniform distribution on +-1/sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _check(self, tensor, what):
        if tensor.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected {what} to be 1D or 2D, "
                f"got {tensor.dim()}D instead"
            )

    def _zeros(self, input):
        return ops.zeros((input.size(0), self.hidden_size), dtype=input.dtype, device=input.device)

    def _one_state_step(self, function, input, hx):
        self._check(input, "input")
        if hx is not None:
            self._check(hx, "hidden")
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
        if hx is None:
            hx = self._zeros(input)
        elif not batched:
            hx = hx.unsqueeze(0)
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        out = function(input, hx, *weights)
        return out if batched else out.squeeze(0)

    def extra_repr(self):
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            parts.append(f"nonlinearity={self.nonlinearity}")
        return ", ".join(parts)


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu."""

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(
        self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None, dtype=None
    ):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        """(N, input_size), (N, hidden_size) -> (N, hidden_size)."""
        functions = {"tanh": ops.rnn_tanh_cell, "relu": ops.rnn_relu_cell}
        if self.nonlinearity not in functions:
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._one_state_step(functions[self.nonlinearity], input, hx)


class LSTMCell(RNNCellBase):
    """One step of an LSTM."""

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        """(N, input_size), (h, c) -> (h', c'), each (N, hidden_size)."""
        self._check(input, "input")
        for i, state in enumerate(hx if hx is not None else ()):
            self._check(state, f"hx[{i}]")
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
        if hx is None:
            zeros = self._zeros(input)
            hx = (zeros, zeros)
        elif not batched:
            hx = (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        h, c = ops.lstm_cell(input, hx, *weights)
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a GRU."""

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input, hx=None):
        """(N, input_size), (N, hidden_size) -> (N, hidden_size)."""
        return self._one_state_step(ops.gru_cell, input, hx)
