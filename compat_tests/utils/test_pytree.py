"""torch.utils._pytree: containers taken apart and put together as PyTorch does."""

import collections
import importlib

import pytest

from compat_tests.harness import both

Point = collections.namedtuple("Point", "x y")
NESTED = {"b": [1, (2, None)], "a": {"z": Point(3, [4]), "c": ()}}


def trees(lib):
    return importlib.import_module(f"{lib.__name__}.utils._pytree")


def every(lib):
    kinds = [
        Point(1, [2]),
        collections.OrderedDict(b=1, a=[2]),
        collections.defaultdict(list, a=[1]),
        collections.deque([1, 2], maxlen=3),
        lib.Size([1, 2]),
        range(3),
        None,
        [],
        {},
    ]
    return [*kinds, NESTED]


class Pair:
    def __init__(self, a, b):
        self.a, self.b = a, b

    def __repr__(self):
        return f"Pair({self.a}, {self.b})"


def _registered(lib, keys):
    P = trees(lib)
    P.register_pytree_node(
        Pair,
        lambda p: ([p.a, p.b], "context"),
        lambda c, context: Pair(*c),
        flatten_with_keys_fn=keys,
    )
    try:
        leaves, spec = P.tree_flatten([Pair(1, (2, 3))])
        shown = repr(P.tree_map(lambda x: x + 1, [Pair(1, (2, 3))]))
        paths = [P.keystr(p) for p, _ in P.tree_leaves_with_path(Pair(1, (2, 3)))] if keys else None
        return [leaves, repr(spec), shown, paths]
    finally:
        P.SUPPORTED_NODES.pop(Pair)


PROGRAMS = {
    "flatten": lambda lib: [repr(trees(lib).tree_flatten(t)) for t in every(lib)],
    "there and back": lambda lib: [
        repr(trees(lib).tree_unflatten(*trees(lib).tree_flatten(t))) for t in every(lib)
    ],
    "numbers": lambda lib: [
        [
            s.num_leaves,
            s.num_nodes,
            s.num_children,
            s.is_leaf(),
            getattr(s.type, "__name__", None),
            repr(s.context),
        ]
        for s in map(trees(lib).tree_structure, every(lib))
    ],
    "children": lambda lib: repr(trees(lib).tree_structure(NESTED).children()),
    "equal": lambda lib: [
        trees(lib).tree_structure([1, 2]) == trees(lib).tree_structure([3, 4]),
        trees(lib).tree_structure([1, 2]) == trees(lib).tree_structure((1, 2)),
        trees(lib).tree_structure({"a": 1}) == trees(lib).tree_structure({"b": 1}),
    ],
    "operations": lambda lib: repr(trees(lib).tree_structure(lib.max(lib.ones(2, 2), 0))),
    "wrong number": lambda lib: trees(lib).tree_unflatten([1], trees(lib).tree_structure([1, 2])),
    "no description": lambda lib: trees(lib).tree_unflatten([1], 3),
    "map": lambda lib: repr(trees(lib).tree_map(lambda x: [x], NESTED)),
    "map of two": lambda lib: trees(lib).tree_map(lambda a, b: a + b, [1, (2,)], [3, (4,)]),
    "map of other lengths": lambda lib: trees(lib).tree_map(max, [1, 2], [3]),
    "map of other kinds": lambda lib: trees(lib).tree_map(max, [1, 2], (3, 4)),
    "map of other keys": lambda lib: trees(lib).tree_map(max, {"a": 1}, {"b": 2}),
    "map of leaves": lambda lib: trees(lib).tree_map(
        lambda x: len(x),
        [[1, 2], [3]],
        is_leaf=lambda x: isinstance(x, list) and x != [[1, 2], [3]],
    ),
    "only": lambda lib: [
        trees(lib).tree_map_only(kind, lambda x: x * 2, [1, 2.0, "a"])
        for kind in (int, (int, str), int | str, lambda x: x == 1)
    ],
    "in place": lambda lib: trees(lib).tree_map_(lambda x: None, [1, 2]),
    "all": lambda lib: [
        trees(lib).tree_all(lambda x: x > 0, [1, (2,)]),
        trees(lib).tree_any(lambda x: x > 1, [1, (2,)]),
        trees(lib).tree_all_only(int, lambda x: x > 1, [1, "a"]),
        trees(lib).tree_any_only(int, lambda x: x > 1, [1, "a"]),
    ],
    "leaves": lambda lib: [trees(lib).tree_leaves(t) for t in (None, 1, NESTED)],
    "arguments": lambda lib: trees(lib).arg_tree_leaves([1], 2, a=(3,)),
    "paths": lambda lib: [
        [trees(lib).keystr(p), repr(p), x] for p, x in trees(lib).tree_leaves_with_path(NESTED)
    ],
    "map with path": lambda lib: trees(lib).tree_map_with_path(
        lambda p, x: trees(lib).keystr(p), {"a": [1, Point(2, 3)]}
    ),
    "get": lambda lib: trees(lib).key_get(NESTED, trees(lib).tree_leaves_with_path(NESTED)[1][0]),
    "broadcast": lambda lib: [
        trees(lib)._broadcast_to_and_flatten(t, trees(lib).tree_structure(([3, 3], 4)))
        for t in ((1, 2), 5, (1, 2, 3), ([1], 2))
    ],
    "up to": lambda lib: repr(trees(lib).tree_structure([1, (2, 3)]).flatten_up_to([[5], ({}, 7)])),
    "leaf": lambda lib: [trees(lib).tree_is_leaf(t) for t in (1, None, (), Point(1, 2), range(2))],
    "named": lambda lib: [trees(lib).is_namedtuple(t) for t in (Point, Point(1, 2), (1, 2))],
    "helpers": lambda lib: [
        trees(lib)._dict_flatten({"x": 1}),
        trees(lib)._dict_unflatten([1], "x"),
    ],
    "twice": lambda lib: trees(lib).register_pytree_node(dict, list, dict),
    "registered": lambda lib: _registered(
        lib, lambda p: ([(trees(lib).GetAttrKey(n), getattr(p, n)) for n in "ab"], "context")
    ),
    "registered without keys": lambda lib: _registered(lib, None),
    "pprint": lambda lib: trees(lib).treespec_pprint(trees(lib).tree_structure([1, {"a": 2}])),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    both(PROGRAMS[name])
