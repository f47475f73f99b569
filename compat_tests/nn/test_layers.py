"""Every layer against torch: parameters from one seed, repr, state keys, values, gradients."""

import warnings

import numpy as np
import pytest
import torch

import jtorch

rng = np.random.RandomState(0)


def f(*shape):
    return rng.randn(*shape).astype("float32")


def i(high, *shape):
    return rng.randint(0, high, shape)


IMAGE = f(2, 4, 6, 6)
SIGNAL = f(2, 4, 9)
VOLUME = f(2, 4, 5, 5, 5)
ROWS = f(5, 6)
PROBS = rng.rand(5, 6).astype("float32")
SIGNS = np.sign(f(5, 6))

# (constructor, inputs); None: only construction is compared
LAYERS = [
    ("Identity(3, a=4)", [ROWS]),
    ("Linear(6, 3)", [ROWS]),
    ("Linear(6, 3, bias=False)", [ROWS]),
    ("Bilinear(6, 5, 3)", [ROWS, f(5, 5)]),
    ("Conv1d(4, 6, 3)", [SIGNAL]),
    ("Conv1d(4, 6, 3, padding='same')", [SIGNAL]),
    ("Conv1d(4, 6, 3, padding=1, padding_mode='circular')", [SIGNAL]),
    ("Conv2d(4, 6, 3)", [IMAGE]),
    ("Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), dilation=(1, 2), bias=False)", [IMAGE]),
    ("Conv2d(4, 8, 3, groups=4, padding=1)", [IMAGE]),
    ("Conv2d(4, 6, 3, padding=1, padding_mode='reflect')", [IMAGE]),
    ("Conv2d(4, 6, 3, padding=1, padding_mode='replicate')", [IMAGE]),
    ("Conv2d(4, 6, 4, padding='same', padding_mode='circular')", [IMAGE]),
    ("Conv3d(4, 3, 3)", [VOLUME]),
    ("ConvTranspose1d(4, 6, 3, stride=2)", [SIGNAL]),
    ("ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1)", [IMAGE]),
    ("ConvTranspose2d(4, 6, 3, groups=2, dilation=2)", [IMAGE]),
    ("ConvTranspose3d(4, 3, 2, stride=2)", [VOLUME]),
    ("BatchNorm1d(4)", [SIGNAL]),
    ("BatchNorm1d(6, affine=False)", [ROWS]),
    ("BatchNorm1d(6, momentum=None)", [ROWS]),
    ("BatchNorm2d(4)", [IMAGE]),
    ("BatchNorm2d(4, bias=False)", [IMAGE]),
    ("BatchNorm2d(4, track_running_stats=False)", [IMAGE]),
    ("BatchNorm3d(4, eps=1e-3, momentum=0.3)", [VOLUME]),
    ("SyncBatchNorm(4)", None),
    ("InstanceNorm1d(4)", [SIGNAL]),
    ("InstanceNorm2d(4, affine=True)", [IMAGE]),
    ("InstanceNorm2d(4, track_running_stats=True)", [IMAGE]),
    ("InstanceNorm3d(4)", [VOLUME]),
    ("LayerNorm(6)", [ROWS]),
    ("LayerNorm((6, 6), eps=1e-3, bias=False)", [IMAGE]),
    ("LayerNorm(6, elementwise_affine=False)", [ROWS]),
    ("GroupNorm(2, 4)", [IMAGE]),
    ("GroupNorm(4, 4, affine=False)", [SIGNAL]),
    ("RMSNorm(6)", [ROWS]),
    ("RMSNorm(6, eps=1e-3, elementwise_affine=False)", [ROWS]),
    ("LocalResponseNorm(3)", [IMAGE]),
    ("LocalResponseNorm(2, alpha=1e-2, beta=0.5, k=2.0)", [SIGNAL]),
    # float64: no gradient, torch's own is not that of its forward
    ("CrossMapLRN2d(3)", [IMAGE.astype("float64")]),
    ("ReLU()", [ROWS]),
    ("ReLU(inplace=True)", None),
    ("RReLU()", [ROWS]),
    ("Hardtanh(-0.5, 0.7)", [ROWS]),
    ("ReLU6()", [ROWS]),
    ("Sigmoid()", [ROWS]),
    ("Hardsigmoid()", [ROWS]),
    ("Tanh()", [ROWS]),
    ("SiLU()", [ROWS]),
    ("Mish()", [ROWS]),
    ("Hardswish()", [ROWS]),
    ("ELU(0.7)", [ROWS]),
    ("ELU(inplace=True)", None),
    ("CELU(0.7)", [ROWS]),
    ("SELU()", [ROWS]),
    ("GLU()", [ROWS]),
    ("GLU(0)", [f(4, 3)]),
    ("GELU()", [ROWS]),
    ("GELU(approximate='tanh')", [ROWS]),
    ("Hardshrink()", [ROWS]),
    ("LeakyReLU(0.2)", [ROWS]),
    ("LogSigmoid()", [ROWS]),
    ("Softplus(beta=2.0)", [ROWS]),
    ("Softshrink()", [ROWS]),
    ("PReLU()", [ROWS]),
    ("PReLU(4, init=0.1)", [IMAGE]),
    ("Softsign()", [ROWS]),
    ("Tanhshrink()", [ROWS]),
    ("Threshold(0.1, -3.0)", [ROWS]),
    ("Softmin(1)", [ROWS]),
    ("Softmax(-1)", [ROWS]),
    ("Softmax2d()", [IMAGE]),
    ("LogSoftmax(dim=1)", [ROWS]),
    ("MaxPool1d(2)", [SIGNAL]),
    ("MaxPool2d(2)", [IMAGE]),
    ("MaxPool2d(3, stride=2, padding=1, ceil_mode=True)", [IMAGE]),
    ("MaxPool2d(2, return_indices=True)", [IMAGE]),
    ("MaxPool3d(2, dilation=2)", [VOLUME]),
    ("MaxUnpool1d(2)", None),
    ("MaxUnpool2d((2, 3), stride=2)", None),
    ("MaxUnpool3d(2)", None),
    ("AvgPool1d(3, padding=1)", [SIGNAL]),
    ("AvgPool2d(2)", [IMAGE]),
    ("AvgPool2d(3, stride=2, padding=1, count_include_pad=False)", [IMAGE]),
    ("AvgPool2d(2, divisor_override=3)", [IMAGE]),
    ("AvgPool3d(2)", [VOLUME]),
    ("FractionalMaxPool2d(2, output_size=3)", [IMAGE]),
    ("FractionalMaxPool3d(2, output_size=2)", None),
    ("LPPool1d(2, 3)", [SIGNAL]),
    ("LPPool2d(2, 2, stride=1)", [IMAGE]),
    ("AdaptiveMaxPool1d(4)", [SIGNAL]),
    ("AdaptiveMaxPool2d((3, 2))", [IMAGE]),
    ("AdaptiveMaxPool3d(2)", [VOLUME]),
    ("AdaptiveAvgPool1d(4)", [SIGNAL]),
    ("AdaptiveAvgPool2d((3, None))", [IMAGE]),
    ("AdaptiveAvgPool3d(2)", [VOLUME]),
    ("ConstantPad1d((1, 2), 3.5)", [SIGNAL]),
    ("ConstantPad2d(1, 2.0)", [IMAGE]),
    ("ConstantPad3d(1, 2.0)", [VOLUME]),
    ("ZeroPad1d(2)", [SIGNAL]),
    ("ZeroPad2d((1, 0, 2, 1))", [IMAGE]),
    ("ZeroPad3d(1)", [VOLUME]),
    ("ReflectionPad1d(2)", [SIGNAL]),
    ("ReflectionPad2d((1, 0, 2, 1))", [IMAGE]),
    ("ReflectionPad3d(1)", [VOLUME]),
    ("ReplicationPad1d(2)", [SIGNAL]),
    ("ReplicationPad2d((1, 0, 2, 1))", [IMAGE]),
    ("ReplicationPad3d(1)", [VOLUME]),
    ("CircularPad1d(2)", [SIGNAL]),
    ("CircularPad2d((1, 0, 2, 1))", [IMAGE]),
    ("CircularPad3d(1)", [VOLUME]),
    ("Dropout(0.3)", [ROWS]),
    ("Dropout1d(0.3)", [SIGNAL]),
    ("Dropout2d(0.3)", [IMAGE]),
    ("Dropout3d(0.3)", [VOLUME]),
    ("AlphaDropout(0.3)", [ROWS]),
    ("FeatureAlphaDropout(0.3)", [IMAGE]),
    ("Embedding(7, 3)", [i(7, 4, 5)]),
    ("Embedding(7, 3, padding_idx=-2, max_norm=1.0)", [i(7, 4, 5)]),
    ("Embedding(7, 3, scale_grad_by_freq=True, norm_type=1.0)", [i(7, 4, 5)]),
    ("EmbeddingBag(7, 3)", [i(7, 4, 5)]),
    ("EmbeddingBag(7, 3, mode='sum', padding_idx=1)", [i(7, 4, 5)]),
    ("EmbeddingBag(7, 3, mode='max')", [i(7, 10), np.array([0, 3, 7])]),
    ("L1Loss()", [ROWS, f(5, 6)]),
    ("NLLLoss()", [ROWS, i(6, 5)]),
    ("NLLLoss(weight=lib.tensor([1., 2., 3., 4., 5., 6.]), ignore_index=2)", [ROWS, i(6, 5)]),
    ("PoissonNLLLoss(full=True)", [ROWS, PROBS * 5]),
    ("GaussianNLLLoss()", [ROWS, f(5, 6), PROBS + 0.1]),
    ("KLDivLoss(reduction='batchmean')", [ROWS, PROBS]),
    ("MSELoss(reduction='sum')", [ROWS, f(5, 6)]),
    ("MSELoss(size_average=False)", [ROWS, f(5, 6)]),
    ("BCELoss()", [PROBS, rng.rand(5, 6).astype("float32")]),
    ("BCEWithLogitsLoss(pos_weight=lib.ones(6) * 2)", [ROWS, PROBS]),
    ("HingeEmbeddingLoss()", [ROWS, SIGNS]),
    ("MultiLabelMarginLoss()", [ROWS, np.array([[1, 3, -1, 0, 0, 0]] * 5)]),
    ("SmoothL1Loss(beta=0.5)", [ROWS, f(5, 6)]),
    ("HuberLoss(delta=0.5)", [ROWS, f(5, 6)]),
    ("SoftMarginLoss()", [ROWS, SIGNS]),
    ("CrossEntropyLoss()", [ROWS, i(6, 5)]),
    ("CrossEntropyLoss(label_smoothing=0.1, reduction='none')", [ROWS, i(6, 5)]),
    ("LinearCrossEntropyLoss(6, 4)", [ROWS, i(4, 5)]),
    ("MultiLabelSoftMarginLoss()", [ROWS, (PROBS > 0.5).astype("float32")]),
    ("CosineEmbeddingLoss(0.1)", [ROWS, f(5, 6), SIGNS[:, 0]]),
    ("MarginRankingLoss(0.1)", [ROWS, f(5, 6), SIGNS]),
    ("MultiMarginLoss(p=2)", [ROWS, i(6, 5)]),
    ("TripletMarginLoss()", [ROWS, f(5, 6), f(5, 6)]),
    ("TripletMarginWithDistanceLoss()", [ROWS, f(5, 6), f(5, 6)]),
    (
        "CTCLoss()",
        [f(8, 2, 5), i(4, 2, 3) + 1, np.array([8, 7]), np.array([3, 2])],
    ),
    ("PairwiseDistance()", [ROWS, f(5, 6)]),
    ("CosineSimilarity()", [ROWS, f(5, 6)]),
    ("Fold((4, 5), 2)", [f(2, 12, 12)]),
    ("Unfold(2, stride=2)", [IMAGE]),
    ("Flatten()", [IMAGE]),
    ("Unflatten(1, (2, 2))", [IMAGE]),
    ("Upsample(scale_factor=2)", [IMAGE]),
    ("Upsample(size=(4, 9), mode='bilinear', align_corners=False)", [IMAGE]),
    ("UpsamplingNearest2d(scale_factor=2)", [IMAGE]),
    ("UpsamplingBilinear2d(size=9)", [IMAGE]),
    ("PixelShuffle(2)", [IMAGE]),
    ("PixelUnshuffle(2)", [IMAGE]),
    ("ChannelShuffle(2)", [IMAGE]),
    ("RNN(6, 4)", [f(3, 2, 6)]),
    ("RNN(6, 4, nonlinearity='relu', num_layers=2, bias=False)", [f(3, 2, 6)]),
    ("GRU(6, 4, bidirectional=True)", [f(3, 2, 6)]),
    ("GRU(6, 4, batch_first=True)", [f(3, 2, 6), f(1, 3, 4)]),
    ("LSTM(6, 4)", [f(3, 2, 6)]),
    ("LSTM(6, 4, num_layers=2, bidirectional=True, batch_first=True)", [f(3, 2, 6)]),
    ("LSTM(6, 4, proj_size=2)", [f(3, 2, 6)]),
    ("LSTM(6, 4)", [ROWS]),
    ("LSTM(6, 4, num_layers=2, dropout=0.3)", [f(3, 2, 6)]),
    ("RNNCell(6, 4)", [ROWS]),
    ("RNNCell(6, 4, bias=False, nonlinearity='relu')", [ROWS, f(5, 4)]),
    ("LSTMCell(6, 4)", [ROWS]),
    ("GRUCell(6, 4)", [ROWS, f(5, 4)]),
    ("MultiheadAttention(6, 2)", [f(3, 2, 6), f(4, 2, 6), f(4, 2, 6)]),
    ("MultiheadAttention(6, 2, batch_first=True, bias=False)", [f(3, 2, 6)] * 3),
    (
        "MultiheadAttention(6, 2, kdim=5, vdim=3, add_bias_kv=True, add_zero_attn=True)",
        [f(3, 2, 6), f(4, 2, 5), f(4, 2, 3)],
    ),
    ("MultiheadAttention(6, 2, dropout=0.2)", [f(3, 6), f(4, 6), f(4, 6)]),
    ("TransformerEncoderLayer(6, 2, 8)", [f(3, 2, 6)]),
    (
        "TransformerEncoderLayer(6, 2, 8, dropout=0, activation='gelu', batch_first=True, "
        "norm_first=True)",
        [f(3, 2, 6)],
    ),
    ("TransformerDecoderLayer(6, 2, 8)", [f(3, 2, 6), f(4, 2, 6)]),
    ("TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8), 2)", [f(3, 2, 6)]),
    ("TransformerDecoder(nn.TransformerDecoderLayer(6, 2, 8), 2)", [f(3, 2, 6), f(4, 2, 6)]),
    ("Transformer(6, 2, 1, 1, 8)", [f(3, 2, 6), f(4, 2, 6)]),
    ("AdaptiveLogSoftmaxWithLoss(6, 12, [4, 8], div_value=2.0)", [ROWS, i(12, 5)]),
    ("LazyLinear(3)", [ROWS]),
    ("LazyConv2d(6, 3)", [IMAGE]),
    ("LazyConvTranspose1d(6, 3)", [SIGNAL]),
    ("LazyBatchNorm2d()", [IMAGE]),
    ("LazyInstanceNorm1d()", [SIGNAL]),
    ("Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Dropout(0.2), nn.Linear(4, 2))", [ROWS]),
    ("ModuleList([nn.Linear(2, 3), nn.Linear(2, 3), nn.ReLU(), nn.Linear(2, 3)])", None),
    ("ModuleDict({'a': nn.Linear(2, 3), 'b': nn.Sequential(nn.ReLU())})", None),
    ("ParameterList([nn.Parameter(lib.ones(2, 3)), lib.ones(2), 3])", None),
    ("ParameterDict({'a': nn.Parameter(lib.ones(2, 3)), 'b': lib.ones(2), 'c': 'x'})", None),
]


def _tensors(lib, value):
    if isinstance(value, lib.Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in _tensors(lib, v)]
    return []


def _build(lib, text):
    lib.manual_seed(7)
    return eval("nn." + text, {"nn": lib.nn, "lib": lib})


def _array(t):
    return np.array(t.detach().numpy())


def _parameters(module):
    return {k: _array(v) for k, v in module.state_dict().items()}


def _observe(lib, text, inputs):
    """(repr, parameters, outputs, gradients, parameters and buffers after the forward)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = _build(lib, text)
        shown = repr(module)
        lazy = text.startswith("Lazy")
        start = {} if lazy else _parameters(module)
        if inputs is None:
            return shown, start, [], {}, {}
        args = [lib.tensor(np.array(a)) for a in inputs]
        if args[0].dtype == lib.float32:
            args[0].requires_grad_()
        if text.startswith("LSTM(") and len(args) > 1:
            args = [args[0], tuple(args[1:])]
        outputs = _tensors(lib, module(*args))
        total = 0
        for t in outputs:
            if t.requires_grad:
                ramp = np.linspace(0.5, 1.5, max(t.numel(), 1), dtype="float32")
                total = total + (t * lib.tensor(ramp.reshape(tuple(t.shape)))).sum()
        grads = {}
        if not isinstance(total, int):
            total.backward()
            grads = {n: p.grad for n, p in module.named_parameters()}
            grads.update({f"input {k}": a.grad for k, a in enumerate(args) if a is args[0]})
            grads = {k: None if g is None else _array(g) for k, g in grads.items()}
        return shown, start, [_array(t) for t in outputs], grads, _parameters(module)


@pytest.mark.parametrize("text, inputs", LAYERS, ids=[text for text, _ in LAYERS])
def test_layer(text, inputs):
    """A layer made from one seed is the same layer in both libraries."""
    want = _observe(torch, text, inputs)
    got = _observe(jtorch, text, inputs)
    assert got[0] == want[0]
    assert list(got[1]) == list(want[1])
    for name, value in want[1].items():
        np.testing.assert_array_almost_equal_nulp(got[1][name], value, nulp=1)
    assert len(got[2]) == len(want[2])
    for a, b in zip(want[2], got[2], strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-6)
    assert list(got[3]) == list(want[3])
    for name, value in want[3].items():
        if value is None or got[3][name] is None:
            assert value is None and got[3][name] is None, name
            continue
        np.testing.assert_allclose(got[3][name], value, rtol=2e-4, atol=5e-6, err_msg=name)
    assert list(got[4]) == list(want[4])
    for name, value in want[4].items():
        np.testing.assert_allclose(got[4][name], value, rtol=2e-5, atol=2e-6, err_msg=name)


def test_all_layers_exist():
    """Every class of torch.nn has a counterpart with the same constructor parameters."""
    import inspect

    missing = []
    for name in dir(torch.nn):
        theirs = getattr(torch.nn, name)
        if not (inspect.isclass(theirs) and issubclass(theirs, torch.nn.Module)):
            continue
        ours = getattr(jtorch.nn, name, None)
        if ours is None:
            missing.append(name)
            continue
        want = list(inspect.signature(theirs.__init__).parameters)
        assert list(inspect.signature(ours.__init__).parameters) == want, name
    assert missing == []


@pytest.mark.parametrize(
    "text",
    [
        "nn.Conv2d(3, 4, 2, groups=2)",
        "nn.Conv2d(3, 3, 2, padding='full')",
        "nn.Conv2d(3, 3, 2, stride=2, padding='same')",
        "nn.Conv2d(3, 3, 2, padding_mode='odd')",
        "nn.ConvTranspose2d(3, 3, 2, padding_mode='circular')",
        "nn.Dropout(1.5)",
        "nn.GroupNorm(3, 4)",
        "nn.Embedding(3, 4, padding_idx=5)",
        "nn.LSTM(3, 0)",
        "nn.LSTM(3, 4, dropout=2)",
        "nn.RNN(3, 4, nonlinearity='gelu')",
        "nn.GRU(3, 4, proj_size=2)",
        "nn.MultiheadAttention(5, 2)",
        "nn.BatchNorm2d(3)(lib.ones(2, 3))",
        "nn.LSTM(3, 4)(lib.ones(2, 2, 5))",
        "nn.LSTM(3, 4)(lib.ones(2, 2, 3), (lib.ones(1, 2, 3), lib.ones(1, 2, 4)))",
        "nn.GRU(3, 4)(lib.ones(2))",
        "nn.LSTMCell(3, 4)(lib.ones(2, 2, 3))",
        "nn.Softmax2d()(lib.ones(2))",
        "nn.TransformerEncoderLayer(4, 2, activation='tanh')",
        "nn.AdaptiveLogSoftmaxWithLoss(4, 8, [5, 3])",
        "nn.Unflatten(1, 3)",
        "nn.CircularPad2d(1)(lib.ones(2, 2))",
        "nn.InstanceNorm2d(3, affine=True)(lib.ones(2, 4, 2, 2))",
    ],
)
def test_bad_arguments(text):
    """The same exception class and message."""
    errors = []
    for lib in (torch, jtorch):
        with pytest.raises(Exception) as caught, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            eval(text, {"nn": lib.nn, "lib": lib})
        errors.append(caught)
    assert errors[0].type is errors[1].type
    if "padding='full'" not in text and "'odd'" not in text:
        assert str(errors[1].value) == str(errors[0].value)
