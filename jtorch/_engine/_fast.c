/* The recording path of the engine in C: recording nodes, calling operations, walking back.

   The classes stay those that the Python modules define; their slots are read and written at the
   offsets that their member descriptors tell. Every function does the usual case and hands whatever
   is rare, before it has changed anything, to the Python function of the same name, which says what
   is right: see trace.py, tensor.py and call.py. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#define SLOT(object, offset) (*(PyObject **)((char *)(object) + (offset)))
#define MOST_OPERANDS 64

/* ---- what `setup` is given ---- */

static PyTypeObject *AccumulateGrad, *Value, *Tensor, *Storage, *TapeNode, *Trace, *Signature, *Operation, *Aval,
    *Pullback, *View, *Meta;
static PyObject *plain_classes, *call_globals, *thread_state, *mode, *settings, *sequence,
    *number_float, *number_int, *number_bool, *number_complex, *python_apply, *python_compute, *python_assign, *python_record, *python_wrap,
    *record_elsewhere, *bound, *add_outputs, *checked, *value_of, *fresh_edge,
    *lay_out, *follow, *lock_acquire, *lock_release, *freed, *before, *after, *step;
static long long first_scalar; /* SCALARS: the slot of a trace's first number */

static const struct {
    const char *name;
    PyTypeObject **into;
} classes[] = {
    {"Value", &Value},         {"Tensor", &Tensor},       {"Storage", &Storage},
    {"TapeNode", &TapeNode},   {"Trace", &Trace},         {"Signature", &Signature},
    {"Operation", &Operation}, {"Aval", &Aval},           {"Pullback", &Pullback},
    {"View", &View},           {"Meta", &Meta},           {"AccumulateGrad", &AccumulateGrad},
};

static const struct {
    const char *name;
    PyObject **into;
} objects[] = {
    {"plain_classes", &plain_classes},
    {"call_globals", &call_globals},
    {"thread_state", &thread_state},
    {"mode", &mode},
    {"settings", &settings},
    {"sequence", &sequence},
    {"number_float", &number_float},
    {"number_int", &number_int},
    {"number_bool", &number_bool},
    {"number_complex", &number_complex},
    {"python_apply", &python_apply},
    {"python_compute", &python_compute},
    {"python_assign", &python_assign},
    {"python_record", &python_record},
    {"python_wrap", &python_wrap},
    {"record_elsewhere", &record_elsewhere},
    {"bound", &bound},
    {"add_outputs", &add_outputs},
    {"checked", &checked},
    {"value_of", &value_of},
    {"fresh_edge", &fresh_edge},
    {"lay_out", &lay_out},
    {"follow", &follow},
    {"lock_acquire", &lock_acquire},
    {"lock_release", &lock_release},
    {"freed", &freed},
    {"before", &before},
    {"after", &after},
    {"step", &step},
};

/* Offsets of slots, called after their class and name. */
static Py_ssize_t value_aval, value_array, value_epoch, value_slot, value_passed, tensor_st,
    tensor_view, tensor_aval, tensor_edge, tensor_rg, tensor_meta, tensor_vc, storage_value,
    storage_aval, storage_version, storage_alias, storage_layout, storage_address, node_edges,
    node_seq, node_hooks, node_pre_hooks, node_retained, node_metadata, node_pullback, node_saved,
    node_versions, node_label, trace_nodes, trace_values, trace_inputs, trace_scalars, trace_epoch,
    trace_bytes, trace_limit, trace_device, sig_outs, sig_guards, sig_device, sig_single,
    sig_differentiable, sig_vjps, op_sigs, op_saves_out, op_channels_last, op_multi, op_layout,
    aval_nbytes, aval_differentiable, pullback_used, pullback_watched,
    pullback_sig, pullback_wanted, pullback_complete, sig_n_outs, leaf_variable, view_base,
    meta_accumulate;

static const struct {
    PyTypeObject **of;
    const char *name;
    Py_ssize_t *into;
} slots[] = {
    {&Value, "aval", &value_aval},
    {&Value, "array", &value_array},
    {&Value, "epoch", &value_epoch},
    {&Value, "slot", &value_slot},
    {&Value, "passed", &value_passed},
    {&Tensor, "_st", &tensor_st},
    {&Tensor, "_view", &tensor_view},
    {&Tensor, "_aval", &tensor_aval},
    {&Tensor, "_edge", &tensor_edge},
    {&Tensor, "_rg", &tensor_rg},
    {&Tensor, "_meta", &tensor_meta},
    {&Tensor, "_vc", &tensor_vc},
    {&Storage, "value", &storage_value},
    {&Storage, "aval", &storage_aval},
    {&Storage, "version", &storage_version},
    {&Storage, "alias", &storage_alias},
    {&Storage, "layout", &storage_layout},
    {&Storage, "_address", &storage_address},
    {&TapeNode, "edges", &node_edges},
    {&TapeNode, "seq", &node_seq},
    {&TapeNode, "hooks", &node_hooks},
    {&TapeNode, "pre_hooks", &node_pre_hooks},
    {&TapeNode, "retained", &node_retained},
    {&TapeNode, "_metadata", &node_metadata},
    {&TapeNode, "pullback", &node_pullback},
    {&TapeNode, "saved", &node_saved},
    {&TapeNode, "versions", &node_versions},
    {&TapeNode, "label", &node_label},
    {&Trace, "nodes", &trace_nodes},
    {&Trace, "values", &trace_values},
    {&Trace, "inputs", &trace_inputs},
    {&Trace, "scalars", &trace_scalars},
    {&Trace, "epoch", &trace_epoch},
    {&Trace, "bytes", &trace_bytes},
    {&Trace, "limit", &trace_limit},
    {&Trace, "device", &trace_device},
    {&Signature, "outs", &sig_outs},
    {&Signature, "guards", &sig_guards},
    {&Signature, "device", &sig_device},
    {&Signature, "single", &sig_single},
    {&Signature, "differentiable", &sig_differentiable},
    {&Signature, "vjps", &sig_vjps},
    {&Operation, "sigs", &op_sigs},
    {&Operation, "saves_out", &op_saves_out},
    {&Operation, "channels_last", &op_channels_last},
    {&Operation, "multi", &op_multi},
    {&Operation, "layout", &op_layout},
    {&Aval, "nbytes", &aval_nbytes},
    {&Aval, "differentiable", &aval_differentiable},
    {&Pullback, "used", &pullback_used},
    {&Pullback, "watched", &pullback_watched},
    {&Pullback, "sig", &pullback_sig},
    {&Pullback, "wanted", &pullback_wanted},
    {&Pullback, "complete", &pullback_complete},
    {&Signature, "n_outs", &sig_n_outs},
    {&AccumulateGrad, "variable", &leaf_variable},
    {&View, "base", &view_base},
    {&Meta, "accumulate", &meta_accumulate},
};

static PyObject *name_trace, *name_enabled, *name_override, *name_autocast, *name_max_bytes,
    *name_vjp, *name_autograd_meta, *name_n_outs, *name_add, *name_check, *name_free,
    *name_signature, *name_tape_node, *zero, *no_args;

static Py_ssize_t
offset_of(PyTypeObject *type, const char *name)
{
    PyObject *found = PyObject_GetAttrString((PyObject *)type, name);
    if (!found)
        return -1;
    Py_ssize_t offset = -1;
    if (Py_IS_TYPE(found, &PyMemberDescr_Type))
        offset = ((PyMemberDescrObject *)found)->d_member->offset;
    else
        PyErr_Format(PyExc_TypeError, "%s.%s is no slot", type->tp_name, name);
    Py_DECREF(found);
    return offset;
}

/* Take a class, and find its slots. */
static int
take_class(PyTypeObject **into, PyObject *found)
{
    if (!PyType_Check(found)) {
        PyErr_SetString(PyExc_TypeError, "setup() takes classes");
        return -1;
    }
    *into = (PyTypeObject *)Py_NewRef(found);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(slots); i++)
        if (slots[i].of == into && (*slots[i].into = offset_of(*into, slots[i].name)) < 0)
            return -1;
    return 0;
}

static int
take(const char *name, PyObject *found)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(classes); i++)
        if (!strcmp(classes[i].name, name))
            return take_class(classes[i].into, found);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(objects); i++)
        if (!strcmp(objects[i].name, name)) {
            *objects[i].into = Py_NewRef(found);
            return 0;
        }
    if (!strcmp(name, "first_scalar")) {
        first_scalar = PyLong_AsLongLong(found);
        return PyErr_Occurred() ? -1 : 0;
    }
    PyErr_Format(PyExc_TypeError, "setup() got an unexpected name '%s'", name);
    return -1;
}

/* What a function works with must be told before it is called. */
static PyObject *
setup(PyObject *self, PyObject *given)
{
    PyObject *key, *found;
    Py_ssize_t at = 0;
    if (!PyDict_Check(given)) {
        PyErr_SetString(PyExc_TypeError, "setup() takes a dict");
        return NULL;
    }
    while (PyDict_Next(given, &at, &key, &found)) {
        const char *name = PyUnicode_AsUTF8(key);
        if (!name || take(name, found) < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- small things ---- */

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

static PyObject *
tuple_of(PyObject *const *items, Py_ssize_t n)
{
    PyObject *made = PyTuple_New(n);
    if (made)
        for (Py_ssize_t i = 0; i < n; i++)
            PyTuple_SET_ITEM(made, i, Py_NewRef(items[i]));
    return made;
}

/* ---- tensors ---- */

/* A tensor with storage of its own. */
static PyObject *
new_tensor(PyObject *value, PyObject *edge)
{
    PyObject *st = Storage->tp_alloc(Storage, 0);
    if (!st)
        return NULL;
    PyObject *aval = SLOT(value, value_aval);
    fill(st, storage_value, Py_NewRef(value));
    fill(st, storage_aval, Py_NewRef(aval));
    fill(st, storage_version, Py_NewRef(zero));
    fill(st, storage_address, Py_NewRef(zero));
    fill(st, storage_alias, Py_NewRef(Py_None));
    fill(st, storage_layout, Py_NewRef(Py_None));
    PyObject *counter = PyList_New(1);
    /* not tp_alloc: object.__new__ also prepares the instance's dict */
    PyObject *t = counter ? PyBaseObject_Type.tp_new(Tensor, no_args, NULL) : NULL;
    if (!t) {
        Py_XDECREF(counter);
        Py_DECREF(st);
        return NULL;
    }
    PyList_SET_ITEM(counter, 0, Py_NewRef(zero));
    fill(t, tensor_st, st);
    fill(t, tensor_view, Py_NewRef(Py_None));
    fill(t, tensor_aval, Py_NewRef(aval));
    fill(t, tensor_edge, Py_NewRef(edge));
    fill(t, tensor_rg, Py_NewRef(edge == Py_None ? Py_False : Py_True));
    fill(t, tensor_meta, Py_NewRef(Py_None));
    fill(t, tensor_vc, counter);
    return t;
}

static PyObject *
wrap(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    if (n < 1 || n > 2) {
        PyErr_SetString(PyExc_TypeError, "wrap() takes a Value and an edge");
        return NULL;
    }
    if (!Py_IS_TYPE(args[0], Value))
        return PyObject_Vectorcall(python_wrap, args, n, NULL);
    return new_tensor(args[0], n == 2 ? args[1] : Py_None);
}

/* ---- recording ---- */

static PyObject *
new_value(PyObject *aval, PyObject *epoch, PyObject *values)
{
    PyObject *v = Value->tp_alloc(Value, 0);
    if (!v)
        return NULL;
    fill(v, value_aval, Py_NewRef(aval));
    fill(v, value_array, Py_NewRef(Py_None));
    fill(v, value_passed, Py_NewRef(Py_None));
    fill(v, value_epoch, Py_NewRef(epoch));
    PyObject *slot = PyLong_FromSsize_t(PyList_GET_SIZE(values));
    fill(v, value_slot, slot);
    if (!slot || PyList_Append(values, v) < 0) {
        Py_DECREF(v);
        return NULL;
    }
    return v;
}

/* Make a computed Value an input of the trace; its new slot, borrowed. */
static PyObject *
add_input(PyObject *trace, PyObject *epoch, PyObject *v)
{
    PyObject *inputs = SLOT(trace, trace_inputs);
    PyObject *slot = PyLong_FromSsize_t(-1 - PyList_GET_SIZE(inputs));
    if (!slot || PyList_Append(inputs, v) < 0) {
        Py_XDECREF(slot);
        return NULL;
    }
    put(v, value_epoch, Py_NewRef(epoch));
    put(v, value_slot, slot);
    PyObject *total = PyNumber_Add(SLOT(trace, trace_bytes), SLOT(SLOT(v, value_aval), aval_nbytes));
    if (!total)
        return NULL;
    put(trace, trace_bytes, total);
    PyObject *most = PyObject_GetAttr(settings, name_max_bytes);
    if (!most)
        return NULL;
    int full = PyObject_RichCompareBool(total, most, Py_GE);
    Py_DECREF(most);
    if (full < 0)
        return NULL;
    if (full)
        put(trace, trace_limit, Py_NewRef(zero));
    return slot;
}

/* Append the node (signature, slot, ...) and its results to the trace, which is locked. The results
   are a Value, or a list of them. -> NULL with an error set. */
static PyObject *
add_node(PyObject *trace, PyObject *sig, PyObject *const *operands, Py_ssize_t n)
{
    PyObject *epoch = SLOT(trace, trace_epoch), *scalars = SLOT(trace, trace_scalars);
    PyObject *node = PyTuple_New(n + 1);
    if (!node)
        return NULL;
    PyTuple_SET_ITEM(node, 0, Py_NewRef(sig));
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *v = operands[i], *slot;
        if (Py_IS_TYPE(v, Value)) {
            slot = SLOT(v, value_epoch) == epoch ? SLOT(v, value_slot) : add_input(trace, epoch, v);
            Py_XINCREF(slot);
        }
        else {
            slot = PyLong_FromLongLong(first_scalar - PyList_GET_SIZE(scalars));
            if (slot && PyList_Append(scalars, v) < 0)
                Py_CLEAR(slot);
        }
        if (!slot) {
            Py_DECREF(node);
            return NULL;
        }
        PyTuple_SET_ITEM(node, i + 1, slot);
    }
    int failed = PyList_Append(SLOT(trace, trace_nodes), node) < 0;
    Py_DECREF(node);
    if (failed)
        return NULL;
    PyObject *outs = SLOT(sig, sig_outs), *values = SLOT(trace, trace_values);
    if (SLOT(sig, sig_single) == Py_True)
        return new_value(PyTuple_GET_ITEM(outs, 0), epoch, values);
    if (PyTuple_GET_SIZE(SLOT(sig, sig_guards))) {
        PyObject *both[] = {trace, sig};
        return PyObject_Vectorcall(add_outputs, both, 2, NULL);
    }
    Py_ssize_t count = PyTuple_GET_SIZE(outs);
    PyObject *made = PyList_New(count);
    for (Py_ssize_t i = 0; made && i < count; i++) {
        PyObject *v = new_value(PyTuple_GET_ITEM(outs, i), epoch, values);
        if (!v)
            Py_CLEAR(made);
        else
            PyList_SET_ITEM(made, i, v);
    }
    return made;
}

/* True when every operand is a number, or a dense Value that is computed or part of the trace. */
static int
is_usual(PyObject *epoch, PyObject *const *operands, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *v = operands[i];
        if (Py_IS_TYPE(v, Value) && SLOT(v, value_epoch) != epoch &&
            (SLOT(v, value_array) == Py_None || !Py_IS_TYPE(SLOT(v, value_aval), Aval)))
            return 0;
    }
    return 1;
}

static PyObject *
slow_record(PyObject *function, PyObject *sig, PyObject *const *operands, Py_ssize_t n)
{
    PyObject *list = tuple_of(operands, n);
    if (!list)
        return NULL;
    PyObject *both[] = {sig, list};
    PyObject *made = PyObject_Vectorcall(function, both, 2, NULL);
    Py_DECREF(list);
    return made;
}

static PyObject *
record_node(PyObject *sig, PyObject *const *operands, Py_ssize_t n)
{
    PyObject *trace = PyObject_GetAttr(thread_state, name_trace);
    if (!trace)
        return NULL;
    PyObject *made = NULL, *done;
    if (SLOT(trace, trace_device) != SLOT(sig, sig_device)) {
        made = slow_record(record_elsewhere, sig, operands, n);
        goto end;
    }
    if (!(done = PyObject_CallNoArgs(lock_acquire)))
        goto end;
    Py_DECREF(done);
    int usual = is_usual(SLOT(trace, trace_epoch), operands, n);
    if (usual)
        made = add_node(trace, sig, operands, n);
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (!(done = PyObject_CallNoArgs(lock_release)))
        PyErr_Clear();
    Py_XDECREF(done);
    PyErr_Restore(type, value, traceback);
    if (!usual) {
        made = slow_record(python_record, sig, operands, n);
        goto end;
    }
    if (made) {
        /* The slot of a single result, the number of values after several: as in trace.py. */
        Py_ssize_t reached = PyList_GET_SIZE(SLOT(trace, trace_values)) -
                             (SLOT(sig, sig_single) == Py_True);
        long limit = PyLong_AsLong(SLOT(trace, trace_limit));
        if (reached >= limit) {
            done = PyObject_CallOneArg(bound, trace);
            if (!done)
                Py_CLEAR(made);
            Py_XDECREF(done);
        }
    }
end:
    Py_DECREF(trace);
    return made;
}

static PyObject *
record(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    if (n != 2 || !Py_IS_TYPE(args[0], Signature)) {
        PyErr_SetString(PyExc_TypeError, "record() takes a Signature and its operands");
        return NULL;
    }
    PyObject *operands = PySequence_Fast(args[1], "record() takes a sequence of operands");
    if (!operands)
        return NULL;
    PyObject *made = record_node(
        args[0], PySequence_Fast_ITEMS(operands), PySequence_Fast_GET_SIZE(operands));
    Py_DECREF(operands);
    return made;
}

static PyObject *
record_many(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    if (n != 3 || !Py_IS_TYPE(args[0], Signature)) {
        PyErr_SetString(PyExc_TypeError, "record_many() takes a Signature, Values and numbers");
        return NULL;
    }
    PyObject *operands = PySequence_List(args[1]);
    if (!operands)
        return NULL;
    PyObject *made = NULL, *done = PySequence_InPlaceConcat(operands, args[2]);
    if (done) {
        made = record_node(args[0], PySequence_Fast_ITEMS(operands), PyList_GET_SIZE(operands));
        Py_DECREF(done);
    }
    Py_DECREF(operands);
    return made;
}

/* ---- calling operations ---- */

/* The operands of a call and what the tape needs to know of them. */
typedef struct {
    Py_ssize_t n;
    PyObject *operands[MOST_OPERANDS]; /* owned */
    PyObject *edges[MOST_OPERANDS];    /* owned, or NULL */
    PyObject *tensors[MOST_OPERANDS];  /* borrowed, NULL for numbers */
    PyObject *key;                     /* owned: (attributes, aval, ...) */
    unsigned long long mask;           /* of operands that want gradients */
    int strided;
} Call;

static void
release(Call *c)
{
    for (Py_ssize_t i = 0; i < c->n; i++) {
        Py_DECREF(c->operands[i]);
        Py_XDECREF(c->edges[i]);
    }
    Py_XDECREF(c->key);
}

/* Fill what every node of the graph has but its edges. -> 0, or -1 with an error set. */
static int
start_node(PyObject *node)
{
    PyObject *seq = PyIter_Next(sequence);
    fill(node, node_seq, seq);
    fill(node, node_hooks, Py_NewRef(Py_None));
    fill(node, node_pre_hooks, Py_NewRef(Py_None));
    fill(node, node_retained, Py_NewRef(Py_None));
    fill(node, node_metadata, Py_NewRef(Py_None));
    return seq ? 0 : -1;
}

/* The living AccumulateGrad of a leaf, owned; NULL without one (or with an error set). */
static PyObject *
living_node(PyObject *meta)
{
    PyObject *ref = SLOT(meta, meta_accumulate);
    PyObject *node = ref == Py_None ? NULL : PyObject_CallNoArgs(ref);
    if (node == Py_None)
        Py_CLEAR(node);
    return node;
}

/* A new AccumulateGrad, to which the leaf refers weakly. */
static PyObject *
new_leaf_node(PyObject *t, PyObject *meta)
{
    PyObject *node = AccumulateGrad->tp_alloc(AccumulateGrad, 0);
    if (!node)
        return NULL;
    fill(node, node_edges, Py_NewRef(no_args));
    fill(node, leaf_variable, Py_NewRef(t));
    PyObject *ref = start_node(node) < 0 ? NULL : PyWeakref_NewRef(node, NULL);
    if (!ref) {
        Py_DECREF(node);
        return NULL;
    }
    put(meta, meta_accumulate, ref);
    return node;
}

static PyObject *
edge_of_leaf(PyObject *t)
{
    PyObject *meta = SLOT(t, tensor_meta);
    meta = meta == Py_None ? PyObject_CallMethodNoArgs(t, name_autograd_meta) : Py_NewRef(meta);
    if (!meta)
        return NULL;
    PyObject *node = living_node(meta), *edge = NULL;
    if (!node && !PyErr_Occurred())
        node = new_leaf_node(t, meta);
    if (node) {
        edge = PyTuple_Pack(2, node, zero);
        Py_DECREF(node);
    }
    Py_DECREF(meta);
    return edge;
}

static PyObject *
number_aval(PyTypeObject *type)
{
    if (type == &PyFloat_Type)
        return number_float;
    if (type == &PyLong_Type)
        return number_int;
    if (type == &PyBool_Type)
        return number_bool;
    return type == &PyComplex_Type ? number_complex : NULL;
}

/* Add a tensor to the call. -> 1; 0 when it is no usual one; -1 with an error set. */
static int
add_tensor(Call *c, PyObject *a, Py_ssize_t position, int recording)
{
    PyObject *view = SLOT(a, tensor_view), *st = SLOT(a, tensor_st), *v;
    if (!view || !st)
        return 0; /* made without __init__ */
    if (view == Py_None) {
        v = SLOT(st, storage_value);
        if (v == Py_None)
            return 0;
        Py_INCREF(v);
    }
    else {
        c->strided = 1;
        if (!(v = PyObject_CallOneArg(value_of, a)))
            return -1;
        if (SLOT(view, view_base) != Py_None) {
            PyObject *done = PyObject_CallOneArg(fresh_edge, a);
            if (!done) {
                Py_DECREF(v);
                return -1;
            }
            Py_DECREF(done);
        }
    }
    PyObject *aval = SLOT(v, value_aval), *edge = NULL;
    if (!Py_IS_TYPE(aval, Aval)) {
        Py_DECREF(v);
        return 0;
    }
    if (recording && SLOT(a, tensor_rg) == Py_True && SLOT(aval, aval_differentiable) == Py_True) {
        edge = SLOT(a, tensor_edge);
        edge = edge == Py_None ? edge_of_leaf(a) : Py_NewRef(edge);
        if (!edge) {
            Py_DECREF(v);
            return -1;
        }
        c->mask |= 1ULL << c->n;
    }
    PyTuple_SET_ITEM(c->key, position + 1, Py_NewRef(aval));
    c->operands[c->n] = v;
    c->edges[c->n] = edge;
    c->tensors[c->n++] = a;
    return 1;
}

/* Collect the operands. -> 1; 0 when they are not the usual ones; -1 with an error set. */
static int
collect(Call *c, PyObject *args, PyObject *attrs)
{
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    PyObject *enabled = PyObject_GetAttr(mode, name_enabled);
    if (!enabled)
        return -1;
    int recording = PyObject_IsTrue(enabled);
    Py_DECREF(enabled);
    if (recording < 0 || !(c->key = PyTuple_New(n + 1)))
        return -1;
    PyTuple_SET_ITEM(c->key, 0, Py_NewRef(attrs));
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *a = PyTuple_GET_ITEM(args, i), *number;
        if (Py_IS_TYPE(a, Tensor) || PySet_Contains(plain_classes, (PyObject *)Py_TYPE(a)) == 1) {
            int done = add_tensor(c, a, i, recording);
            if (done < 1)
                return done;
        }
        else if ((number = number_aval(Py_TYPE(a)))) {
            PyTuple_SET_ITEM(c->key, i + 1, Py_NewRef(number));
            c->operands[c->n] = Py_NewRef(a);
            c->edges[c->n] = c->tensors[c->n] = NULL;
            c->n++;
        }
        else if (a == Py_None)
            PyTuple_SET_ITEM(c->key, i + 1, Py_NewRef(a));
        else
            return 0;
    }
    return 1;
}

/* (version cell, version, position) of a tensor. */
static PyObject *
version_entry(PyObject *t, PyObject *position)
{
    PyObject *cell = SLOT(t, tensor_vc);
    return PyTuple_Pack(3, cell, PyList_GET_ITEM(cell, 0), position);
}

/* The versions of the tensors that the gradient needs, as a list; None without any. */
static PyObject *
versions_of(Call *c, PyObject *watched)
{
    Py_ssize_t n = PyTuple_GET_SIZE(watched);
    if (!n)
        return Py_NewRef(Py_None);
    PyObject *list = PyList_New(0);
    for (Py_ssize_t k = 0; list && k < n; k++) {
        PyObject *position = PyTuple_GET_ITEM(watched, k);
        PyObject *t = c->tensors[PyLong_AsSsize_t(position)];
        if (!t)
            continue;
        PyObject *entry = version_entry(t, position);
        if (!entry || PyList_Append(list, entry) < 0)
            Py_CLEAR(list);
        Py_XDECREF(entry);
    }
    return list;
}

static PyObject *
saved_operands(Call *c, PyObject *used)
{
    Py_ssize_t n = PyTuple_GET_SIZE(used);
    PyObject *saved = PyTuple_New(n);
    for (Py_ssize_t k = 0; saved && k < n; k++)
        PyTuple_SET_ITEM(
            saved, k, Py_NewRef(c->operands[PyLong_AsSsize_t(PyTuple_GET_ITEM(used, k))]));
    return saved;
}

/* A TapeNode. Takes the reference to `versions`. */
static PyObject *
new_node(Call *c, PyObject *pullback, PyObject *versions)
{
    PyObject *node = TapeNode->tp_alloc(TapeNode, 0);
    if (!node) {
        Py_DECREF(versions);
        return NULL;
    }
    fill(node, node_versions, versions);
    PyObject *edges = PyTuple_New(c->n);
    if (edges)
        for (Py_ssize_t i = 0; i < c->n; i++)
            PyTuple_SET_ITEM(edges, i, Py_NewRef(c->edges[i] ? c->edges[i] : Py_None));
    fill(node, node_edges, edges);
    fill(node, node_pullback, Py_NewRef(pullback));
    fill(node, node_saved, saved_operands(c, SLOT(pullback, pullback_used)));
    fill(node, node_label, Py_NewRef(Py_None));
    if (start_node(node) < 0 || !edges || !SLOT(node, node_saved))
        Py_CLEAR(node);
    return node;
}

/* The pullback of a signature for the operands that want gradients, owned. */
static PyObject *
pullback_of(PyObject *sig, unsigned long long mask)
{
    PyObject *number = PyLong_FromUnsignedLongLong(mask);
    if (!number)
        return NULL;
    PyObject *found = PyDict_GetItemWithError(SLOT(sig, sig_vjps), number);
    if (found)
        Py_INCREF(found);
    else if (!PyErr_Occurred())
        found = PyObject_CallMethodOneArg(sig, name_vjp, number);
    Py_DECREF(number);
    return found;
}

/* A tensor around result `nr` of a node (NULL without gradients). */
static PyObject *
result(PyObject *value, PyObject *node, Py_ssize_t nr)
{
    if (!node || SLOT(SLOT(value, value_aval), aval_differentiable) != Py_True)
        return new_tensor(value, Py_None);
    PyObject *number = PyLong_FromSsize_t(nr);
    PyObject *edge = number ? PyTuple_Pack(2, node, number) : NULL;
    PyObject *t = edge ? new_tensor(value, edge) : NULL;
    Py_XDECREF(number);
    Py_XDECREF(edge);
    return t;
}

/* A node that saves its result watches that. */
static int
watch_result(PyObject *node, PyObject *t)
{
    PyObject *position = PyLong_FromLong(-1);
    PyObject *entry = position ? version_entry(t, position) : NULL;
    PyObject *list = entry ? PyList_New(1) : NULL;
    Py_XDECREF(position);
    if (!list) {
        Py_XDECREF(entry);
        return -1;
    }
    PyList_SET_ITEM(list, 0, entry);
    put(node, node_versions, list);
    return 0;
}

/* Give the results their strides. -> 0, or -1 with an error set. */
static int
place(PyObject *op, PyObject *args, PyObject *attrs, PyObject *results, int strided, int single)
{
    PyObject *done = Py_None;
    if (SLOT(op, op_layout) != Py_None) {
        PyObject *all[] = {op, args, attrs, results};
        if (!(done = PyObject_Vectorcall(lay_out, all, 4, NULL)))
            return -1;
        Py_DECREF(done);
    }
    else if (strided && (single || PyObject_IsTrue(SLOT(op, op_channels_last)))) {
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(results); i++) {
            PyObject *all[] = {op, PyList_GET_ITEM(results, i), args};
            if (!(done = PyObject_Vectorcall(follow, all, 3, NULL)))
                return -1;
            Py_DECREF(done);
        }
    }
    return 0;
}

/* Tensors around what was made: one, or a list. */
static PyObject *
results_of(PyObject *op, PyObject *args, PyObject *attrs, PyObject *made, PyObject *node,
           int strided)
{
    int single = Py_IS_TYPE(made, Value);
    Py_ssize_t n = single ? 1 : PyList_GET_SIZE(made);
    PyObject *results = PyList_New(n);
    if (!results)
        return NULL;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *t = result(single ? made : PyList_GET_ITEM(made, i), node, i);
        if (!t)
            goto fail;
        PyList_SET_ITEM(results, i, t);
    }
    if (single && node && SLOT(op, op_saves_out) == Py_True &&
        watch_result(node, PyList_GET_ITEM(results, 0)) < 0)
        goto fail;
    if (place(op, args, attrs, results, strided, single) < 0)
        goto fail;
    if (!single || SLOT(op, op_multi) == Py_True)
        return results;
    PyObject *t = Py_NewRef(PyList_GET_ITEM(results, 0));
    Py_DECREF(results);
    return t;
fail:
    Py_DECREF(results);
    return NULL;
}

/* The signature to record, without guards that can be checked now; owned. */
static PyObject *
signature_of(PyObject *found, Call *c)
{
    if (!PyTuple_GET_SIZE(SLOT(found, sig_guards)))
        return Py_NewRef(found);
    PyObject *operands = tuple_of(c->operands, c->n);
    if (!operands)
        return NULL;
    PyObject *both[] = {found, operands};
    PyObject *sig = PyObject_Vectorcall(checked, both, 2, NULL);
    Py_DECREF(operands);
    return sig;
}

/* What a call recorded: Values and a node, both owned, the node NULL without gradients. */
typedef struct {
    PyObject *made;
    PyObject *node;
} Made;

/* Record the call. -> 0, or -1 with an error set. */
static int
perform(PyObject *op, PyObject *found, Call *c, Made *m)
{
    PyObject *pullback = NULL, *versions = NULL;
    PyObject *sig = signature_of(found, c);
    int status = -1;
    m->made = m->node = NULL;
    if (!sig)
        return -1;
    if (c->mask && SLOT(sig, sig_differentiable) == Py_True) {
        if (!(pullback = pullback_of(sig, c->mask)))
            goto end;
        versions = SLOT(op, op_saves_out) == Py_True
                       ? Py_NewRef(Py_None)
                       : versions_of(c, SLOT(pullback, pullback_watched));
        if (!versions)
            goto end;
    }
    if (!(m->made = record_node(sig, c->operands, c->n)))
        goto end;
    if (pullback && !(m->node = new_node(c, pullback, Py_NewRef(versions))))
        Py_CLEAR(m->made);
    else
        status = 0;
end:
    Py_XDECREF(versions);
    Py_XDECREF(pullback);
    Py_DECREF(sig);
    return status;
}

/* Collect the operands of a call and record it. -> 1; 0 when it is not a usual one, and nothing has
   changed; -1 with an error set. */
static int
call(PyObject *const *args, Call *c, Made *m)
{
    PyObject *op = args[0];
    /* Hooks on what is saved put another maker of nodes there. */
    int plain_nodes = PyDict_GetItem(call_globals, name_tape_node) == (PyObject *)TapeNode;
    if (!is_unset(name_autocast) || !plain_nodes || !PyTuple_CheckExact(args[1]) ||
        PyTuple_GET_SIZE(args[1]) > MOST_OPERANDS || !PyObject_TypeCheck(op, Operation))
        return 0;
    int usual = collect(c, args[1], args[2]);
    if (usual < 1)
        return usual;
    PyObject *sig = PyDict_GetItemWithError(SLOT(op, op_sigs), c->key);
    if (!sig) {
        PyErr_Clear();
        return 0;
    }
    Py_INCREF(sig);
    int status = perform(op, sig, c, m);
    Py_DECREF(sig);
    return status < 0 ? -1 : 1;
}

static PyObject *
compute(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    if (n != 3) {
        PyErr_SetString(PyExc_TypeError, "compute() takes an operation, arguments and attributes");
        return NULL;
    }
    Call c = {.n = 0, .key = NULL, .mask = 0, .strided = 0};
    Made m = {NULL, NULL};
    int done = call(args, &c, &m);
    PyObject *out = NULL;
    if (done == 1) {
        out = PyTuple_Pack(
            3, m.made, m.node ? m.node : Py_None, c.strided ? Py_True : Py_False);
        Py_DECREF(m.made);
        Py_XDECREF(m.node);
    }
    release(&c);
    return done ? out : PyObject_Vectorcall(python_compute, args, 3, NULL);
}

static PyObject *
apply(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    if (n != 3) {
        PyErr_SetString(PyExc_TypeError, "apply() takes an operation, arguments and attributes");
        return NULL;
    }
    Call c = {.n = 0, .key = NULL, .mask = 0, .strided = 0};
    Made m = {NULL, NULL};
    int done = is_unset(name_override) ? call(args, &c, &m) : 0;
    PyObject *out = NULL;
    if (done == 1) {
        out = results_of(args[0], args[1], args[2], m.made, m.node, c.strided);
        Py_DECREF(m.made);
        Py_XDECREF(m.node);
    }
    release(&c);
    return done ? out : PyObject_Vectorcall(python_apply, args, 3, NULL);
}

/* ---- operations on long lists, outside autograd ---- */

/* Append a tensor's contents and their aval. -> 1; 0 when it is no usual tensor; -1 on errors. */
static int
add_contents(PyObject *a, PyObject *values, PyObject *key)
{
    if (!Py_IS_TYPE(a, Tensor) && PySet_Contains(plain_classes, (PyObject *)Py_TYPE(a)) != 1)
        return 0;
    PyObject *st = SLOT(a, tensor_st);
    if (!st || SLOT(a, tensor_view) != Py_None || SLOT(st, storage_value) == Py_None)
        return 0;
    PyObject *value = SLOT(st, storage_value);
    if (PyList_Append(values, value) < 0 || PyList_Append(key, SLOT(value, value_aval)) < 0)
        return -1;
    return 1;
}

/* True when the tensors are ones whose storage can be given a new value just so. */
static int
are_assignable(PyObject *targets)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(targets); i++) {
        PyObject *t = PyList_GET_ITEM(targets, i);
        if (!PyObject_TypeCheck(t, Tensor) || !SLOT(t, tensor_st) ||
            SLOT(t, tensor_view) != Py_None ||
            SLOT(SLOT(t, tensor_st), storage_alias) != Py_None)
            return 0;
    }
    return 1;
}

static PyObject *
successor(PyObject *number)
{
    return PyLong_FromLongLong(PyLong_AsLongLong(number) + 1);
}

static int
store(PyObject *targets, PyObject *made)
{
    Py_ssize_t n = PyList_GET_SIZE(targets);
    if (!PyList_Check(made) || PyList_GET_SIZE(made) != n) {
        PyErr_SetString(PyExc_ValueError, "an operation gave another number of results");
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *t = PyList_GET_ITEM(targets, i), *st = SLOT(t, tensor_st);
        PyObject *cell = SLOT(t, tensor_vc);
        PyObject *version = successor(SLOT(st, storage_version));
        PyObject *count = successor(PyList_GET_ITEM(cell, 0));
        if (!version || !count) {
            Py_XDECREF(version);
            Py_XDECREF(count);
            return -1;
        }
        put(st, storage_version, version);
        put(st, storage_value, Py_NewRef(PyList_GET_ITEM(made, i)));
        PyList_SetItem(cell, 0, count);
    }
    return 0;
}

/* Look up the signature and record. -> 1; 0 when the call is not a usual one; -1 on errors. */
static int
assign_usual(PyObject *op, PyObject *args, PyObject *attrs, PyObject *targets, PyObject *operands,
             PyObject *key)
{
    if (PyList_Append(key, attrs) < 0)
        return -1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++) {
        PyObject *a = PyTuple_GET_ITEM(args, i), *number = number_aval(Py_TYPE(a));
        if (number) {
            if (PyList_Append(operands, a) < 0 || PyList_Append(key, number) < 0)
                return -1;
            continue;
        }
        int done = add_contents(a, operands, key);
        if (done < 1)
            return done;
    }
    PyObject *whole = PyList_AsTuple(key);
    if (!whole)
        return -1;
    PyObject *sig = PyDict_GetItemWithError(SLOT(op, op_sigs), whole);
    Py_DECREF(whole);
    if (!sig || SLOT(sig, sig_single) == Py_True || PyTuple_GET_SIZE(SLOT(sig, sig_guards))) {
        PyErr_Clear();
        return 0;
    }
    Py_INCREF(sig);
    PyObject *made =
        record_node(sig, PySequence_Fast_ITEMS(operands), PyList_GET_SIZE(operands));
    Py_DECREF(sig);
    if (!made)
        return -1;
    int status = store(targets, made);
    Py_DECREF(made);
    return status < 0 ? -1 : 1;
}

static PyObject *
assign(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    if (n != 4) {
        PyErr_SetString(PyExc_TypeError, "assign() takes four arguments");
        return NULL;
    }
    int done = 0;
    if (is_unset(name_autocast) && PyTuple_CheckExact(args[1]) && PyList_CheckExact(args[3]) &&
        PyObject_TypeCheck(args[0], Operation) && are_assignable(args[3])) {
        PyObject *operands = PyList_New(0), *key = PyList_New(0);
        done = operands && key
                   ? assign_usual(args[0], args[1], args[2], args[3], operands, key)
                   : -1;
        Py_XDECREF(operands);
        Py_XDECREF(key);
    }
    if (done < 0)
        return NULL;
    if (done)
        Py_RETURN_NONE;
    return PyObject_Vectorcall(python_assign, args, 4, NULL);
}

/* ---- backward ---- */

/* Nodes that wait for their turn: a binary heap, the one recorded last on top. */
typedef struct {
    long long seq;
    PyObject *node; /* borrowed from the buffers */
} Waiting;

typedef struct {
    Waiting *heap;
    Py_ssize_t n, room;
    PyObject *buffers; /* node -> list of the gradients of its outputs */
    PyObject *leaves;
    PyObject *walk, *wrap, *unwrap, *accumulate;
    int keep_graph;
} Walk;

static int
push(Walk *w, PyObject *node)
{
    if (w->n == w->room) {
        Py_ssize_t room = w->room ? 2 * w->room : 64;
        Waiting *heap = PyMem_Realloc(w->heap, room * sizeof(Waiting));
        if (!heap) {
            PyErr_NoMemory();
            return -1;
        }
        w->heap = heap;
        w->room = room;
    }
    long long seq = PyLong_AsLongLong(SLOT(node, node_seq));
    if (seq == -1 && PyErr_Occurred())
        return -1;
    Py_ssize_t i = w->n++;
    while (i && w->heap[(i - 1) / 2].seq < seq) {
        w->heap[i] = w->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->heap[i] = (Waiting){seq, node};
    return 0;
}

static PyObject *
pop(Walk *w)
{
    PyObject *top = w->heap[0].node;
    Waiting last = w->heap[--w->n];
    Py_ssize_t i = 0, child;
    while ((child = 2 * i + 1) < w->n) {
        if (child + 1 < w->n && w->heap[child + 1].seq > w->heap[child].seq)
            child++;
        if (w->heap[child].seq <= last.seq)
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

/* How many outputs a node has, or -1 with an error set. */
static Py_ssize_t
outputs_of(PyObject *node)
{
    if (Py_IS_TYPE(node, AccumulateGrad))
        return 1;
    PyObject *count =
        Py_IS_TYPE(node, TapeNode)
            ? Py_NewRef(SLOT(SLOT(SLOT(node, node_pullback), pullback_sig), sig_n_outs))
            : PyObject_GetAttr(node, name_n_outs);
    if (!count)
        return -1;
    Py_ssize_t n = PyLong_AsSsize_t(count);
    Py_DECREF(count);
    return n;
}

/* The gradients of a node's outputs so far, borrowed; the node waits for its turn from now on. */
static PyObject *
gradients_of(Walk *w, PyObject *node)
{
    PyObject *found = PyDict_GetItemWithError(w->buffers, node);
    if (found || PyErr_Occurred())
        return found;
    Py_ssize_t n = outputs_of(node);
    if (n < 0)
        return NULL;
    PyObject *made = PyList_New(n);
    if (!made)
        return NULL;
    for (Py_ssize_t i = 0; i < n; i++)
        PyList_SET_ITEM(made, i, Py_NewRef(Py_None));
    int failed = PyDict_SetItem(w->buffers, node, made) < 0;
    Py_DECREF(made);
    if (failed)
        return NULL;
    if (Py_IS_TYPE(node, AccumulateGrad) ? PyList_Append(w->leaves, node) < 0 : push(w, node) < 0)
        return NULL;
    return made;
}

/* Send a gradient along an edge (node, output number). */
static int
send(Walk *w, PyObject *edge, PyObject *g)
{
    PyObject *found = gradients_of(w, PyTuple_GET_ITEM(edge, 0));
    if (!found)
        return -1;
    Py_ssize_t nr = PyLong_AsSsize_t(PyTuple_GET_ITEM(edge, 1));
    if (nr < 0 || nr >= PyList_GET_SIZE(found)) {
        PyErr_SetString(PyExc_IndexError, "an edge leads to an output that the node does not have");
        return -1;
    }
    PyObject *before = PyList_GET_ITEM(found, nr), *sum;
    if (before == Py_None)
        sum = Py_NewRef(g);
    else
        sum = PyObject_CallMethodObjArgs(w->walk, name_add, before, g, NULL);
    return sum ? PyList_SetItem(found, nr, sum) : -1;
}

static inline int
is_empty(PyObject *hooks)
{
    return hooks == Py_None || (PyDict_CheckExact(hooks) && !PyDict_GET_SIZE(hooks));
}

/* Run hooks and `retain_grad` on what arrives at a node. Takes and gives a reference. */
static PyObject *
before_node(Walk *w, PyObject *node, PyObject *incoming)
{
    if (is_empty(SLOT(node, node_pre_hooks)) && is_empty(SLOT(node, node_retained)))
        return incoming;
    PyObject *all[] = {node, incoming, w->walk, w->wrap, w->unwrap};
    PyObject *changed = PyObject_Vectorcall(before, all, 5, NULL);
    Py_DECREF(incoming);
    return changed;
}

/* Raise when what a node saved was freed, or modified since. */
static int
check_node(PyObject *node)
{
    PyObject *versions = SLOT(node, node_versions);
    int fine = SLOT(node, node_saved) != freed;
    if (fine && versions != Py_None)
        for (Py_ssize_t i = 0; fine && i < PyList_GET_SIZE(versions); i++) {
            PyObject *entry = PyList_GET_ITEM(versions, i);
            PyObject *now = PyList_GET_ITEM(PyTuple_GET_ITEM(entry, 0), 0);
            fine = now == PyTuple_GET_ITEM(entry, 1) ||
                   PyObject_RichCompareBool(now, PyTuple_GET_ITEM(entry, 1), Py_EQ) == 1;
        }
    if (fine)
        return 0;
    PyObject *done = PyObject_CallMethodNoArgs(node, name_check);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* The signature of a pullback for gradients of all outputs, owned. */
static PyObject *
complete_signature(PyObject *pullback, Py_ssize_t n)
{
    PyObject *found = SLOT(pullback, pullback_complete);
    if (found != Py_None)
        return Py_NewRef(found);
    PyObject *given = PyTuple_New(n);
    for (Py_ssize_t i = 0; given && i < n; i++)
        PyTuple_SET_ITEM(given, i, PyLong_FromSsize_t(i));
    if (!given)
        return NULL;
    found = PyObject_CallMethodOneArg(pullback, name_signature, given);
    Py_DECREF(given);
    return found;
}

/* Record the pullback of a node and send on what it gives. */
static int
step_recorded(Walk *w, PyObject *node, PyObject *incoming)
{
    PyObject *pullback = SLOT(node, node_pullback), *edges = SLOT(node, node_edges);
    if (check_node(node) < 0)
        return -1;
    PyObject *sig = complete_signature(pullback, PyList_GET_SIZE(incoming));
    PyObject *operands = sig ? PySequence_List(SLOT(node, node_saved)) : NULL;
    PyObject *extended = operands ? PySequence_InPlaceConcat(operands, incoming) : NULL;
    PyObject *made = NULL;
    if (extended)
        made = record_node(sig, PySequence_Fast_ITEMS(operands), PyList_GET_SIZE(operands));
    Py_XDECREF(extended);
    Py_XDECREF(operands);
    Py_XDECREF(sig);
    if (!made)
        return -1;
    if (!w->keep_graph && PyObject_IsTrue(SLOT(node, node_saved)))
        put(node, node_saved, Py_NewRef(freed));
    int single = Py_IS_TYPE(made, Value), status = 0;
    PyObject *wanted = SLOT(pullback, pullback_wanted);
    for (Py_ssize_t i = 0; !status && i < PyTuple_GET_SIZE(wanted); i++) {
        PyObject *edge = PyTuple_GET_ITEM(edges, PyLong_AsSsize_t(PyTuple_GET_ITEM(wanted, i)));
        if (edge != Py_None)
            status = send(w, edge, single ? made : PyList_GET_ITEM(made, i));
    }
    Py_DECREF(made);
    return status;
}

/* The same for a node with hooks, without some gradients, or of another kind. */
static int
step_general(Walk *w, PyObject *node, PyObject *incoming)
{
    PyObject *all[] = {node, incoming, w->walk, w->wrap, w->unwrap};
    PyObject *result = PyObject_Vectorcall(step, all, 5, NULL);
    PyObject *outgoing = result ? PySequence_Fast(result, "gradients") : NULL;
    int status = -1;
    Py_XDECREF(result);
    if (!outgoing)
        return -1;
    if (!w->keep_graph) {
        PyObject *done = PyObject_CallMethodNoArgs(node, name_free);
        if (!done)
            goto end;
        Py_DECREF(done);
    }
    PyObject *edges = SLOT(node, node_edges);
    Py_ssize_t n = Py_MIN(PyTuple_GET_SIZE(edges), PySequence_Fast_GET_SIZE(outgoing));
    status = 0;
    for (Py_ssize_t i = 0; !status && i < n; i++) {
        PyObject *edge = PyTuple_GET_ITEM(edges, i);
        PyObject *g = PySequence_Fast_GET_ITEM(outgoing, i);
        if (edge != Py_None && g != Py_None)
            status = send(w, edge, g);
    }
end:
    Py_DECREF(outgoing);
    return status;
}

/* Take what arrived at a node out of the buffers, hooks run. The node is kept alive by `held`. */
static PyObject *
arrived(Walk *w, PyObject *node)
{
    PyObject *incoming = PyDict_GetItemWithError(w->buffers, node);
    if (!incoming)
        return NULL;
    Py_INCREF(incoming);
    if (PyDict_DelItem(w->buffers, node) < 0) {
        Py_DECREF(incoming);
        return NULL;
    }
    return before_node(w, node, incoming);
}

static int
visit(Walk *w, PyObject *node)
{
    PyObject *incoming = arrived(w, node);
    if (!incoming)
        return -1;
    int usual = Py_IS_TYPE(node, TapeNode) && is_empty(SLOT(node, node_hooks)) &&
                PyList_CheckExact(incoming);
    for (Py_ssize_t i = 0; usual && i < PyList_GET_SIZE(incoming); i++)
        usual = PyList_GET_ITEM(incoming, i) != Py_None;
    int status = usual ? step_recorded(w, node, incoming) : step_general(w, node, incoming);
    Py_DECREF(incoming);
    return status;
}

/* Give a leaf its gradient. */
static int
serve(Walk *w, PyObject *leaf)
{
    PyObject *incoming = arrived(w, leaf);
    PyObject *g = incoming ? PySequence_GetItem(incoming, 0) : NULL, *done = NULL;
    int status = -1;
    if (!g)
        goto end;
    status = 0;
    if (g == Py_None || w->accumulate == Py_None)
        goto end;
    status = -1;
    PyObject *both[] = {g, Py_None};
    PyObject *t = PyObject_Vectorcall(w->wrap, both, 2, NULL);
    if (!t)
        goto end;
    PyObject *pair[] = {SLOT(leaf, leaf_variable), t};
    done = PyObject_Vectorcall(w->accumulate, pair, 2, NULL);
    Py_DECREF(t);
    if (!done)
        goto end;
    Py_DECREF(done);
    status = 0;
    if (!is_empty(SLOT(leaf, node_hooks))) {
        PyObject *all[] = {leaf, incoming, no_args, w->walk, w->wrap, w->unwrap};
        done = PyObject_Vectorcall(after, all, 6, NULL);
        status = done ? 0 : -1;
        Py_XDECREF(done);
    }
end:
    Py_XDECREF(g);
    Py_XDECREF(incoming);
    return status;
}

static int
walk_all(Walk *w, PyObject *roots, PyObject *grads)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(roots); i++) {
        PyObject *value = PyObject_CallOneArg(value_of, PyList_GET_ITEM(grads, i));
        int status = value ? send(w, PyList_GET_ITEM(roots, i), value) : -1;
        Py_XDECREF(value);
        if (status < 0)
            return -1;
    }
    while (w->n) {
        PyObject *node = Py_NewRef(pop(w));
        int status = visit(w, node);
        Py_DECREF(node);
        if (status < 0)
            return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(w->leaves); i++)
        if (serve(w, PyList_GET_ITEM(w->leaves, i)) < 0)
            return -1;
    return 0;
}

static PyObject *
walk_plain(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    if (n != 7 || !PyList_CheckExact(args[1]) || !PyList_CheckExact(args[2]) ||
        PyList_GET_SIZE(args[1]) != PyList_GET_SIZE(args[2])) {
        PyErr_SetString(PyExc_TypeError, "walk_plain() takes a walk, roots, gradients, ...");
        return NULL;
    }
    Walk w = {.heap = NULL, .n = 0, .room = 0, .walk = args[0], .wrap = args[3], .unwrap = args[4],
              .accumulate = args[6]};
    w.keep_graph = PyObject_IsTrue(args[5]);
    w.buffers = PyDict_New();
    w.leaves = PyList_New(0);
    int status = -1;
    if (w.keep_graph >= 0 && w.buffers && w.leaves)
        status = walk_all(&w, args[1], args[2]);
    Py_XDECREF(w.buffers);
    Py_XDECREF(w.leaves);
    PyMem_Free(w.heap);
    if (status < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ---- the module ---- */

static PyMethodDef methods[] = {
    {"setup", setup, METH_O, "Tell the classes and functions of the engine."},
    {"record", (PyCFunction)(void (*)(void))record, METH_FASTCALL, "trace.record"},
    {"record_many", (PyCFunction)(void (*)(void))record_many, METH_FASTCALL, "trace.record_many"},
    {"wrap", (PyCFunction)(void (*)(void))wrap, METH_FASTCALL, "tensor.wrap"},
    {"compute", (PyCFunction)(void (*)(void))compute, METH_FASTCALL, "call.compute"},
    {"apply", (PyCFunction)(void (*)(void))apply, METH_FASTCALL, "call.apply"},
    {"assign", (PyCFunction)(void (*)(void))assign, METH_FASTCALL, "call.assign"},
    {"walk_plain", (PyCFunction)(void (*)(void))walk_plain, METH_FASTCALL, "tape.walk_plain"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_fast", "The recording path in C.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__fast(void)
{
    static const struct {
        PyObject **into;
        const char *text;
    } names[] = {
        {&name_trace, "trace"},
        {&name_enabled, "enabled"},
        {&name_override, "override"},
        {&name_autocast, "autocast"},
        {&name_max_bytes, "max_bytes"},
        {&name_vjp, "vjp"},
        {&name_autograd_meta, "_autograd_meta"},
        {&name_n_outs, "n_outs"},
        {&name_add, "add"},
        {&name_check, "check"},
        {&name_free, "free"},
        {&name_signature, "signature"},
        {&name_tape_node, "TapeNode"},
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++)
        if (!(*names[i].into = PyUnicode_InternFromString(names[i].text)))
            return NULL;
    if (!(zero = PyLong_FromLong(0)) || !(no_args = PyTuple_New(0)))
        return NULL;
    return PyModule_Create(&module);
}
