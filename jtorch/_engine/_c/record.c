/* Tensors and nodes of a trace: wrap, record, record_many. */

#include "fast.h"

/* A tensor with storage of its own. */
PyObject *
new_tensor(PyObject *value, PyObject *edge)
{
    PyObject *st = Storage->tp_alloc(Storage, 0);
    if (!st)
        return NULL;
    PyObject *aval = SLOT(value, Value_aval);
    fill(st, Storage_value, Py_NewRef(value));
    fill(st, Storage_aval, Py_NewRef(aval));
    fill(st, Storage_version, Py_NewRef(zero));
    fill(st, Storage__address, Py_NewRef(zero));
    fill(st, Storage_alias, Py_NewRef(Py_None));
    fill(st, Storage_layout, Py_NewRef(Py_None));
    PyObject *counter = PyList_New(1);
    /* not tp_alloc: object.__new__ also prepares the instance's dict */
    PyObject *t = counter ? PyBaseObject_Type.tp_new(Tensor, no_args, NULL) : NULL;
    if (!t) {
        Py_XDECREF(counter);
        Py_DECREF(st);
        return NULL;
    }
    PyList_SET_ITEM(counter, 0, Py_NewRef(zero));
    fill(t, Tensor__st, st);
    fill(t, Tensor__view, Py_NewRef(Py_None));
    fill(t, Tensor__aval, Py_NewRef(aval));
    fill(t, Tensor__edge, Py_NewRef(edge));
    fill(t, Tensor__rg, Py_NewRef(edge == Py_None ? Py_False : Py_True));
    fill(t, Tensor__meta, Py_NewRef(Py_None));
    fill(t, Tensor__vc, counter);
    return t;
}

PyObject *
fast_wrap(PyObject *self, PyObject *const *args, Py_ssize_t n)
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
    fill(v, Value_aval, Py_NewRef(aval));
    fill(v, Value_array, Py_NewRef(Py_None));
    fill(v, Value_passed, Py_NewRef(Py_None));
    fill(v, Value_epoch, Py_NewRef(epoch));
    PyObject *slot = PyLong_FromSsize_t(PyList_GET_SIZE(values));
    fill(v, Value_slot, slot);
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
    PyObject *inputs = SLOT(trace, Trace_inputs);
    PyObject *slot = PyLong_FromSsize_t(-1 - PyList_GET_SIZE(inputs));
    if (!slot || PyList_Append(inputs, v) < 0) {
        Py_XDECREF(slot);
        return NULL;
    }
    put(v, Value_epoch, Py_NewRef(epoch));
    put(v, Value_slot, slot);
    PyObject *nbytes = SLOT(SLOT(v, Value_aval), Aval_nbytes);
    PyObject *total = PyNumber_Add(SLOT(trace, Trace_bytes), nbytes);
    if (!total)
        return NULL;
    put(trace, Trace_bytes, total);
    PyObject *most = PyObject_GetAttr(settings, name_max_bytes);
    if (!most)
        return NULL;
    int full = PyObject_RichCompareBool(total, most, Py_GE);
    Py_DECREF(most);
    if (full < 0)
        return NULL;
    if (full)
        put(trace, Trace_limit, Py_NewRef(zero));
    return slot;
}

/* Append the node (signature, slot, ...) and its results to the trace, which is locked. The results
   are a Value, or a list of them. -> NULL with an error set. */
static PyObject *
add_node(PyObject *trace, PyObject *sig, PyObject *const *operands, Py_ssize_t n)
{
    PyObject *epoch = SLOT(trace, Trace_epoch), *scalars = SLOT(trace, Trace_scalars);
    PyObject *node = PyTuple_New(n + 1);
    if (!node)
        return NULL;
    PyTuple_SET_ITEM(node, 0, Py_NewRef(sig));
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *v = operands[i], *slot;
        if (Py_IS_TYPE(v, Value)) {
            slot = SLOT(v, Value_epoch) == epoch ? SLOT(v, Value_slot) : add_input(trace, epoch, v);
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
    int failed = PyList_Append(SLOT(trace, Trace_nodes), node) < 0;
    Py_DECREF(node);
    if (failed)
        return NULL;
    PyObject *outs = SLOT(sig, Signature_outs), *values = SLOT(trace, Trace_values);
    if (SLOT(sig, Signature_single) == Py_True)
        return new_value(PyTuple_GET_ITEM(outs, 0), epoch, values);
    if (PyTuple_GET_SIZE(SLOT(sig, Signature_guards))) {
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
        if (Py_IS_TYPE(v, Value) && SLOT(v, Value_epoch) != epoch &&
            (SLOT(v, Value_array) == Py_None || !Py_IS_TYPE(SLOT(v, Value_aval), Aval)))
            return 0;
    }
    return 1;
}

/* Record by a Python function: a Value, or a list of them. */
static PyObject *
slow_record(PyObject *function, PyObject *sig, PyObject *const *operands, Py_ssize_t n)
{
    PyObject *list = tuple_of(operands, n);
    if (!list)
        return NULL;
    PyObject *both[] = {sig, list};
    PyObject *made = PyObject_Vectorcall(function, both, 2, NULL);
    Py_DECREF(list);
    if (made && !Py_IS_TYPE(made, Value) && !PyList_CheckExact(made))
        Py_SETREF(made, PySequence_List(made));
    return made;
}

PyObject *
record_node(PyObject *sig, PyObject *const *operands, Py_ssize_t n)
{
    PyObject *trace = PyObject_GetAttr(thread_state, name_trace);
    if (!trace)
        return NULL;
    PyObject *made = NULL, *done;
    if (SLOT(trace, Trace_device) != SLOT(sig, Signature_device)) {
        made = slow_record(record_elsewhere, sig, operands, n);
        goto end;
    }
    if (!(done = PyObject_CallNoArgs(lock_acquire)))
        goto end;
    Py_DECREF(done);
    int usual = is_usual(SLOT(trace, Trace_epoch), operands, n);
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
        Py_ssize_t reached = PyList_GET_SIZE(SLOT(trace, Trace_values)) -
                             (SLOT(sig, Signature_single) == Py_True);
        long limit = PyLong_AsLong(SLOT(trace, Trace_limit));
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

PyObject *
fast_record(PyObject *self, PyObject *const *args, Py_ssize_t n)
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

PyObject *
fast_record_many(PyObject *self, PyObject *const *args, Py_ssize_t n)
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

PyObject *
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

/* Fill what every node of the graph has but its edges. -> 0, or -1 with an error set. */
int
start_node(PyObject *node)
{
    PyObject *seq = PyIter_Next(sequence);
    fill(node, TapeNode_seq, seq);
    fill(node, TapeNode_hooks, Py_NewRef(Py_None));
    fill(node, TapeNode_pre_hooks, Py_NewRef(Py_None));
    fill(node, TapeNode_retained, Py_NewRef(Py_None));
    fill(node, TapeNode__metadata, Py_NewRef(Py_None));
    return seq ? 0 : -1;
}
