"""The handle that a hook's registration returns."""

import weakref
from collections import OrderedDict


class RemovableHandle:
    """Takes a hook out again: `handle.remove()`, or the end of a `with handle:` block."""

    next_id = 0

    def __init__(self, hooks_dict, *, extra_dict=None):
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        if extra_dict is None:
            extra_dict = []
        elif not isinstance(extra_dict, list):
            extra_dict = [extra_dict]
        self.extra_dict_ref = tuple(weakref.ref(d) for d in extra_dict)

    def remove(self):
        """Take the hook out; a second call does nothing."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = ref()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.remove()

    def __getstate__(self):
        extra = tuple(ref() for ref in self.extra_dict_ref)
        return self.hooks_dict_ref(), self.id, extra or None

    def __setstate__(self, state):
        hooks, self.id, *extra = state
        # a dict that is gone leaves a handle whose remove() does nothing
        self.hooks_dict_ref = weakref.ref(OrderedDict() if hooks is None else hooks)
        self.extra_dict_ref = tuple(weakref.ref(d) for d in (extra[0] if extra else None) or ())
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)
