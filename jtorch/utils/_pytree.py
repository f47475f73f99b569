"""`torch.utils._pytree`: nested containers taken apart into leaves and a description, and back.

Containers are tuples, lists, dicts, named tuples, OrderedDicts, defaultdicts, deques, `torch.Size`,
the results of operations with several values, and whatever is registered. Anything else, None too,
is a leaf. Dicts keep their order.
"""

import dataclasses
import functools
import types
import typing
from collections import OrderedDict, defaultdict, deque, namedtuple

from .._engine.size import Size
from ..ops.registry import ReturnType

PyTree = Context = DumpableContext = typing.Any
KeyPath = tuple


# --- keys -----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """A step into a sequence."""

    idx: int

    def __str__(self):
        return f"[{self.idx!r}]"

    def get(self, sequence):
        """The element."""
        return sequence[self.idx]


@dataclasses.dataclass(frozen=True)
class MappingKey:
    """A step into a mapping."""

    key: typing.Any

    def __str__(self):
        return f"[{self.key!r}]"

    def get(self, mapping):
        """The value."""
        return mapping[self.key]


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """A step to an attribute."""

    name: str

    def __str__(self):
        return f".{self.name}"

    def get(self, obj):
        """The attribute."""
        return getattr(obj, self.name)


def keystr(kp):
    """A path of keys as Python would write it: `['a'][0].x`."""
    return "".join(map(str, kp))


def key_get(obj, kp):
    """What stands at the end of a path of keys."""
    return functools.reduce(lambda at, key: key.get(at), kp, obj)


# --- kinds of containers --------------------------------------------------------------


class NodeDef(typing.NamedTuple):
    """How one kind of container is taken apart and put together."""

    type: typing.Any
    flatten_fn: typing.Callable
    unflatten_fn: typing.Callable
    flatten_with_keys_fn: typing.Callable | None = None


SUPPORTED_NODES = {}


def _deregister_pytree_node(cls):
    SUPPORTED_NODES.pop(cls, None)


def register_pytree_node(
    cls,
    flatten_fn,
    unflatten_fn,
    *,
    serialized_type_name=None,
    to_dumpable_context=None,
    from_dumpable_context=None,
    flatten_with_keys_fn=None,
):
    """Make a class a container: `flatten_fn` gives (children, context), `unflatten_fn` takes them
    back. Raises ValueError for a class that is one already.
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)


def _register_pytree_node(
    cls, flatten_fn, unflatten_fn, to_str_fn=None, maybe_from_str_fn=None, **keywords
):
    """The older name of `register_pytree_node`."""
    register_pytree_node(cls, flatten_fn, unflatten_fn, **keywords)


def register_dataclass(cls, *, field_names=None, drop_field_names=None, serialized_type_name=None):
    """Make a dataclass a container of its fields; those that are None belong to the context."""
    dropped = set(drop_field_names or ())
    names = field_names or [f.name for f in dataclasses.fields(cls) if f.init]
    names = [n for n in names if n not in dropped]

    def flatten(obj):
        there = [n for n in names if getattr(obj, n) is not None]
        return [getattr(obj, n) for n in there], [there, [n for n in names if n not in there]]

    def flatten_with_keys(obj):
        children, context = flatten(obj)
        return [(GetAttrKey(n), c) for n, c in zip(context[0], children)], context

    def unflatten(children, context):
        return cls(**dict(zip(context[0], children)), **dict.fromkeys(context[1]))

    register_pytree_node(cls, flatten, unflatten, flatten_with_keys_fn=flatten_with_keys)


def register_constant(cls):
    """Make a class a container without children: its objects belong to the description."""
    register_pytree_node(
        cls,
        lambda obj: ([], obj),
        lambda children, obj: obj,
        flatten_with_keys_fn=lambda obj: ([], obj),
    )


def is_namedtuple_class(cls):
    """True for classes that `namedtuple` made, and their subclasses."""
    fields = getattr(cls, "_fields", None) if isinstance(cls, type) else None
    return (
        isinstance(fields, tuple) and issubclass(cls, tuple) and all(type(f) is str for f in fields)
    )


def is_namedtuple_instance(obj):
    """True for objects of such classes."""
    return is_namedtuple_class(type(obj))


def is_namedtuple(obj):
    """True for such classes and their objects."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_structseq_class(cls):
    """True for the classes of `torch.return_types`."""
    return isinstance(cls, type) and issubclass(cls, ReturnType)


def is_structseq_instance(obj):
    """True for objects of such classes."""
    return is_structseq_class(type(obj))


def is_structseq(obj):
    """True for such classes and their objects."""
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))


def _sequence(make):
    """(flatten, unflatten, flatten_with_keys) of a kind of sequence without context."""

    def flatten(value):
        return list(value), None

    def unflatten(children, context):
        return make(children)

    def flatten_with_keys(value):
        return [(SequenceKey(i), v) for i, v in enumerate(value)], None

    return flatten, unflatten, flatten_with_keys


def _mapping(make):
    """The same of a kind of mapping whose context is the list of its keys."""

    def flatten(value):
        return list(value.values()), list(value.keys())

    def unflatten(children, context):
        return make(zip(context, children))

    def flatten_with_keys(value):
        return [(MappingKey(k), v) for k, v in value.items()], list(value.keys())

    return flatten, unflatten, flatten_with_keys


_tuple_flatten, _tuple_unflatten, _tuple_flatten_with_keys = _sequence(tuple)
_list_flatten, _list_unflatten, _list_flatten_with_keys = _sequence(list)
_dict_flatten, _dict_unflatten, _dict_flatten_with_keys = _mapping(dict)
_ordereddict_flatten, _ordereddict_unflatten, _ordereddict_flatten_with_keys = _mapping(OrderedDict)
_odict_flatten, _odict_unflatten = _ordereddict_flatten, _ordereddict_unflatten


def _namedtuple_flatten(value):
    return list(value), type(value)


def _namedtuple_unflatten(children, context):
    return context(*children)


def _namedtuple_flatten_with_keys(value):
    return [(GetAttrKey(n), v) for n, v in zip(value._fields, value)], type(value)


def _defaultdict_flatten(value):
    children, keys = _dict_flatten(value)
    return children, [value.default_factory, keys]


def _defaultdict_unflatten(children, context):
    return defaultdict(context[0], zip(context[1], children))


def _defaultdict_flatten_with_keys(value):
    pairs, keys = _dict_flatten_with_keys(value)
    return pairs, [value.default_factory, keys]


def _deque_flatten(value):
    return list(value), value.maxlen


def _deque_unflatten(children, context):
    return deque(children, maxlen=context)


def _deque_flatten_with_keys(value):
    return _list_flatten_with_keys(value)[0], value.maxlen


for _kind, _flatten, _unflatten, _keys in (
    (tuple, _tuple_flatten, _tuple_unflatten, _tuple_flatten_with_keys),
    (list, _list_flatten, _list_unflatten, _list_flatten_with_keys),
    (dict, _dict_flatten, _dict_unflatten, _dict_flatten_with_keys),
    (namedtuple, _namedtuple_flatten, _namedtuple_unflatten, _namedtuple_flatten_with_keys),
    (OrderedDict, _ordereddict_flatten, _ordereddict_unflatten, _ordereddict_flatten_with_keys),
    (defaultdict, _defaultdict_flatten, _defaultdict_unflatten, _defaultdict_flatten_with_keys),
    (deque, _deque_flatten, _deque_unflatten, _deque_flatten_with_keys),
    # A size comes back as a plain tuple, in PyTorch too.
    (Size, *_sequence(tuple)),
):
    register_pytree_node(_kind, _flatten, _unflatten, flatten_with_keys_fn=_keys)


def _get_node_type(tree):
    kind = type(tree)
    if kind in SUPPORTED_NODES:
        return kind
    if is_structseq_class(kind):
        register_pytree_node(kind, *_sequence(kind)[:2], flatten_with_keys_fn=_sequence(kind)[2])
        return kind
    return namedtuple if is_namedtuple_class(kind) else kind


def tree_is_leaf(tree, is_leaf=None):
    """True for what is no container, or for what `is_leaf` says is a leaf."""
    return (is_leaf is not None and is_leaf(tree)) or _get_node_type(tree) not in SUPPORTED_NODES


_is_leaf = tree_is_leaf


# --- descriptions ---------------------------------------------------------------------


class TreeSpec:
    """The shape of a tree without its leaves."""

    def __init__(self, type, context, children_specs):
        self.type = type
        self._context = context
        self._children = list(children_specs)
        leaf = type is None
        self.num_nodes = 1 + sum(c.num_nodes for c in self._children)
        self.num_leaves = 1 if leaf else sum(c.num_leaves for c in self._children)
        self.num_children = len(self._children)

    @property
    def context(self):
        """What a container needs beside its children to be put together again."""
        return self._context

    @property
    def children_specs(self):
        """The descriptions of the children."""
        return self._children

    def is_leaf(self):
        """True for the description of a leaf."""
        return self.type is None

    def children(self):
        """The descriptions of the children."""
        return list(self._children)

    def child(self, index):
        """The description of one child."""
        return self._children[index]

    def unflatten(self, leaves):
        """The tree with the given leaves. Raises ValueError for a wrong number of them."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec "
                f"refers to a pytree that holds {self.num_leaves} items ({self})."
            )
        return self._build(iter(leaves))

    def _build(self, leaves):
        if self.type is None:
            return next(leaves)
        children = [c._build(leaves) for c in self._children]
        return SUPPORTED_NODES[self.type].unflatten_fn(children, self._context)

    def flatten_up_to(self, tree):
        """What stands in a tree where this one has its leaves. Raises ValueError for another
        shape.
        """
        if self.type is None:
            return [tree]
        kind = _get_node_type(tree)
        dicts = (dict, OrderedDict, defaultdict)
        if kind is not self.type and not (kind in dicts and self.type in dicts):
            raise ValueError(f"Node type mismatch; expected {self.type}, but got {kind}.")
        if self.type in dicts:
            return self._flatten_mapping(tree)
        children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
        children = list(children)
        if len(children) != self.num_children:
            raise ValueError(
                f"Node arity mismatch; expected {self.num_children}, but got {len(children)}."
            )
        if context != self._context:
            raise ValueError(
                f"Node context mismatch for custom node type {self.type!r}: expected "
                f"{self._context!r}, but got {context!r}."
            )
        return [leaf for spec, c in zip(self._children, children) for leaf in spec.flatten_up_to(c)]

    def _flatten_mapping(self, tree):
        keys = self._context[1] if self.type is defaultdict else self._context
        if len(tree) != len(keys):
            raise ValueError(f"Node arity mismatch; expected {len(keys)}, but got {len(tree)}.")
        if set(tree) != set(keys):
            raise ValueError(f"Node keys mismatch; expected {keys}, but got {list(tree)}.")
        return [
            leaf for spec, k in zip(self._children, keys) for leaf in spec.flatten_up_to(tree[k])
        ]

    def __eq__(self, other):
        if not isinstance(other, TreeSpec):
            return NotImplemented
        mine = (self.type, self._context, self._children)
        return mine == (other.type, other._context, other._children)

    def __hash__(self):
        return hash((self.type, str(self._context), tuple(self._children)))

    def __repr__(self, indent=0):
        if self.type is None:
            return "*"
        inner = indent + 2
        parts = [c.__repr__(inner) for c in self._children]
        shown = parts[0] if parts else ""
        shown += "".join(f",\n{' ' * inner}{p}" for p in parts[1:])
        return f"TreeSpec({self.type.__name__}, {self._context}, [{shown}])"


PyTreeSpec = TreeSpec
_LEAF_SPEC = TreeSpec(None, None, [])


class _LeafSpecMeta(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, TreeSpec) and instance.is_leaf()

    def __call__(cls):
        return _LEAF_SPEC


class LeafSpec(metaclass=_LeafSpecMeta):
    """The description of a leaf; `isinstance` asks a description whether it is one."""


def treespec_leaf():
    """The description of a leaf."""
    return _LEAF_SPEC


def treespec_tuple(iterable=()):
    """The description of a tuple of the given parts."""
    return TreeSpec(tuple, None, list(iterable))


def treespec_dict(mapping=(), **kwargs):
    """The description of a dict of the given parts."""
    parts = dict(mapping, **kwargs)
    return TreeSpec(dict, list(parts), list(parts.values()))


def treespec_pprint(treespec):
    """A picture of a description, with stars for leaves."""

    class _Star:
        def __repr__(self):
            return "*"

    return repr(treespec.unflatten([_Star()] * treespec.num_leaves))


# --- trees ----------------------------------------------------------------------------


def _flattened(tree, leaves, is_leaf):
    if tree_is_leaf(tree, is_leaf):
        leaves.append(tree)
        return _LEAF_SPEC
    kind = _get_node_type(tree)
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    return TreeSpec(kind, context, [_flattened(c, leaves, is_leaf) for c in children])


def tree_flatten(tree, is_leaf=None):
    """(leaves, description) of a tree."""
    leaves = []
    return leaves, _flattened(tree, leaves, is_leaf)


def tree_unflatten(leaves, treespec):
    """The tree of a description with the given leaves."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            "tree_unflatten(leaves, treespec): Expected `treespec` to be instance of "
            f"PyTreeSpec but got item of type {type(treespec)}."
        )
    return treespec.unflatten(leaves)


def tree_iter(tree, is_leaf=None):
    """The leaves, one after the other."""
    if tree_is_leaf(tree, is_leaf):
        yield tree
        return
    for child in SUPPORTED_NODES[_get_node_type(tree)].flatten_fn(tree)[0]:
        yield from tree_iter(child, is_leaf)


def tree_leaves(tree, is_leaf=None):
    """The leaves."""
    return list(tree_iter(tree, is_leaf))


def arg_tree_leaves(*args, **kwargs):
    """The leaves of all arguments."""
    return [leaf for a in (*args, *kwargs.values()) for leaf in tree_iter(a)]


def tree_structure(tree, is_leaf=None):
    """The description of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func, tree, *rests, is_leaf=None):
    """A tree of func(leaf, what stands there in the other trees...)."""
    leaves, spec = tree_flatten(tree, is_leaf)
    return spec.unflatten(map(func, leaves, *(spec.flatten_up_to(r) for r in rests)))


def tree_map_(func, tree, *rests, is_leaf=None):
    """Call `func` as `tree_map` does, for its effects; the tree itself."""
    leaves, spec = tree_flatten(tree, is_leaf)
    for row in zip(leaves, *(spec.flatten_up_to(r) for r in rests)):
        func(*row)
    return tree


def map_only(type_or_types_or_pred, /):
    """A decorator: the function for values of a type, or that fulfil a predicate; others stay."""
    kinds = (type, tuple, types.UnionType)
    if isinstance(type_or_types_or_pred, kinds):

        def applies(value):
            return isinstance(value, type_or_types_or_pred)

    elif callable(type_or_types_or_pred):
        applies = type_or_types_or_pred
    else:
        raise TypeError("Argument must be a type, a tuple of types, or a callable.")

    def wrapper(func):
        return functools.wraps(func)(lambda value: func(value) if applies(value) else value)

    return wrapper


def tree_map_only(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """`tree_map` of the leaves of a type, or that fulfil a predicate; others stay as they are."""
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """`tree_map_` of the leaves of a type, or that fulfil a predicate."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred, tree, is_leaf=None):
    """True when all leaves fulfil a predicate."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred, tree, is_leaf=None):
    """True when a leaf fulfils a predicate."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(type_or_types, /, pred, tree, is_leaf=None):
    """True when all leaves of a type fulfil a predicate."""
    return all(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


def tree_any_only(type_or_types, /, pred, tree, is_leaf=None):
    """True when a leaf of a type fulfils a predicate."""
    return any(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


# --- trees with paths -----------------------------------------------------------------


def _with_paths(path, tree, is_leaf):
    if tree_is_leaf(tree, is_leaf):
        yield path, tree
        return
    kind = _get_node_type(tree)
    flatten = SUPPORTED_NODES[kind].flatten_with_keys_fn
    if flatten is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {kind}. Please pass a "
            "flatten_with_keys_fn argument to register_pytree_node."
        )
    for key, child in flatten(tree)[0]:
        yield from _with_paths((*path, key), child, is_leaf)


def tree_leaves_with_path(tree, is_leaf=None):
    """[(path, leaf)]; a path is a tuple of keys."""
    return list(_with_paths((), tree, is_leaf))


def tree_flatten_with_path(tree, is_leaf=None):
    """([(path, leaf)], description)."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(func, tree, *rests, is_leaf=None):
    """A tree of func(path, leaf, what stands there in the other trees...)."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    paths, leaves = zip(*pairs) if pairs else ((), ())
    return spec.unflatten(map(func, paths, leaves, *(spec.flatten_up_to(r) for r in rests)))


def _broadcast_to_and_flatten(tree, treespec, is_leaf=None):
    """The leaves of `tree` repeated for the leaves below them in another tree; None where the one
    is no beginning of the other.
    """
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    kind = _get_node_type(tree)
    if treespec.is_leaf() or kind is not treespec.type:
        return None
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    if len(list(children)) != treespec.num_children or context != treespec.context:
        return None
    parts = [
        _broadcast_to_and_flatten(c, s, is_leaf) for c, s in zip(children, treespec.children())
    ]
    return None if any(p is None for p in parts) else [leaf for p in parts for leaf in p]
