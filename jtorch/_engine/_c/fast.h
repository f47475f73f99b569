/* What the parts of the compiled recording path share.

   The classes stay those that the Python modules define; their slots are read and written at the
   offsets that their member descriptors tell. Every function does the usual case and hands whatever
   is rare, before it has changed anything, to the Python function of the same name, which says what
   is right: see trace.py, tensor.py, call.py and tape.py. */

#ifndef JTORCH_FAST_H
#define JTORCH_FAST_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Raised, here and in fast.py, with every change of what the two sides tell each other. */
#define INTERFACE 1

/* ---- what `setup` is told ---- */

#define CLASSES(X) \
    X(Value) X(Tensor) X(Storage) X(TapeNode) X(Trace) X(Signature) X(Operation) X(Aval) \
    X(Pullback) X(View) X(Meta) X(AccumulateGrad)

#define OBJECTS(X) \
    X(plain_classes) X(call_globals) X(thread_state) X(mode) X(settings) X(sequence) \
    X(number_float) X(number_int) X(number_bool) X(number_complex) X(python_apply) \
    X(python_compute) X(python_assign) X(python_record) X(python_wrap) X(record_elsewhere) \
    X(bound) X(add_outputs) X(checked) X(value_of) X(fresh_edge) X(lay_out) X(follow) \
    X(lock_acquire) X(lock_release) X(freed) X(before) X(after) X(step)

/* The slots that are used, of which class: the offset of Value.aval is Value_aval. */
#define SLOTS(X) \
    X(Value, aval) X(Value, array) X(Value, epoch) X(Value, slot) X(Value, passed) \
    X(Tensor, _st) X(Tensor, _view) X(Tensor, _aval) X(Tensor, _edge) X(Tensor, _rg) \
    X(Tensor, _meta) X(Tensor, _vc) \
    X(Storage, value) X(Storage, aval) X(Storage, version) X(Storage, alias) X(Storage, layout) \
    X(Storage, _address) \
    X(TapeNode, edges) X(TapeNode, seq) X(TapeNode, hooks) X(TapeNode, pre_hooks) \
    X(TapeNode, retained) X(TapeNode, _metadata) X(TapeNode, pullback) X(TapeNode, saved) \
    X(TapeNode, versions) X(TapeNode, label) \
    X(Trace, nodes) X(Trace, values) X(Trace, inputs) X(Trace, scalars) X(Trace, epoch) \
    X(Trace, bytes) X(Trace, limit) X(Trace, device) \
    X(Signature, outs) X(Signature, guards) X(Signature, device) X(Signature, single) \
    X(Signature, differentiable) X(Signature, vjps) X(Signature, n_outs) \
    X(Operation, sigs) X(Operation, saves_out) X(Operation, channels_last) X(Operation, multi) \
    X(Operation, layout) \
    X(Aval, nbytes) X(Aval, differentiable) \
    X(Pullback, used) X(Pullback, watched) X(Pullback, sig) X(Pullback, wanted) \
    X(Pullback, complete) \
    X(AccumulateGrad, variable) \
    X(View, base) \
    X(Meta, accumulate)

/* Attributes that are looked up by name: name_add is "add". */
#define NAMES(X) \
    X(trace) X(enabled) X(override) X(autocast) X(max_bytes) X(vjp) X(_autograd_meta) X(n_outs) \
    X(add) X(check) X(free) X(signature) X(TapeNode)

#ifdef __GNUC__
#pragma GCC visibility push(hidden)
#endif

#define DECLARE_CLASS(name) extern PyTypeObject *name;
#define DECLARE_OBJECT(name) extern PyObject *name;
#define DECLARE_SLOT(type, name) extern Py_ssize_t type##_##name;
#define DECLARE_NAME(name) extern PyObject *name_##name;

CLASSES(DECLARE_CLASS)
OBJECTS(DECLARE_OBJECT)
SLOTS(DECLARE_SLOT)
NAMES(DECLARE_NAME)

extern long long first_scalar; /* SCALARS: the slot of a trace's first number */
extern PyObject *zero, *no_args;

/* ---- small things ---- */

#define SLOT(object, offset) (*(PyObject **)((char *)(object) + (offset)))

/* Fill an empty slot of a new object. Takes the reference. */
static inline void
fill(PyObject *object, Py_ssize_t offset, PyObject *value)
{
    SLOT(object, offset) = value;
}

/* Replace what is in a slot. Takes the reference. */
static inline void
put(PyObject *object, Py_ssize_t offset, PyObject *value)
{
    PyObject *old = SLOT(object, offset);
    SLOT(object, offset) = value;
    Py_XDECREF(old);
}

/* True when a global of call.py is None. */
static inline int
is_unset(PyObject *name)
{
    return PyDict_GetItem(call_globals, name) == Py_None;
}

/* True for a tensor that is used as it is. */
static inline int
is_plain(PyObject *a)
{
    return Py_IS_TYPE(a, Tensor) || PySet_Contains(plain_classes, (PyObject *)Py_TYPE(a)) == 1;
}

static inline PyObject *
tuple_of(PyObject *const *items, Py_ssize_t n)
{
    PyObject *made = PyTuple_New(n);
    if (made)
        for (Py_ssize_t i = 0; i < n; i++)
            PyTuple_SET_ITEM(made, i, Py_NewRef(items[i]));
    return made;
}

/* ---- what the parts give each other ---- */

typedef PyObject *Function(PyObject *self, PyObject *const *args, Py_ssize_t n);

/* record.c */
PyObject *new_tensor(PyObject *value, PyObject *edge);
PyObject *record_node(PyObject *sig, PyObject *const *operands, Py_ssize_t n);
PyObject *number_aval(PyTypeObject *type);
int start_node(PyObject *node);
Function fast_wrap, fast_record, fast_record_many;

/* call.c */
Function fast_compute, fast_apply;

/* assign.c */
Function fast_assign;

/* backward.c */
Function fast_walk_plain;

#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#endif
