/* Calling an operation: compute and apply. */

#include "fast.h"

#define MOST_OPERANDS 64

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

/* The living AccumulateGrad of a leaf, owned; NULL without one (or with an error set). */
static PyObject *
living_node(PyObject *meta)
{
    PyObject *ref = SLOT(meta, Meta_accumulate);
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
    fill(node, TapeNode_edges, Py_NewRef(no_args));
    fill(node, AccumulateGrad_variable, Py_NewRef(t));
    PyObject *ref = start_node(node) < 0 ? NULL : PyWeakref_NewRef(node, NULL);
    if (!ref) {
        Py_DECREF(node);
        return NULL;
    }
    put(meta, Meta_accumulate, ref);
    return node;
}

static PyObject *
edge_of_leaf(PyObject *t)
{
    PyObject *meta = SLOT(t, Tensor__meta);
    meta = meta == Py_None ? PyObject_CallMethodNoArgs(t, name__autograd_meta) : Py_NewRef(meta);
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

/* Add a tensor to the call. -> 1; 0 when it is no usual one; -1 with an error set. */
static int
add_tensor(Call *c, PyObject *a, Py_ssize_t position, int recording)
{
    PyObject *view = SLOT(a, Tensor__view), *st = SLOT(a, Tensor__st), *v;
    if (!view || !st)
        return 0; /* made without __init__ */
    if (view == Py_None) {
        v = SLOT(st, Storage_value);
        if (v == Py_None)
            return 0;
        Py_INCREF(v);
    }
    else {
        c->strided = 1;
        if (!(v = PyObject_CallOneArg(value_of, a)))
            return -1;
        if (SLOT(view, View_base) != Py_None) {
            PyObject *done = PyObject_CallOneArg(fresh_edge, a);
            if (!done) {
                Py_DECREF(v);
                return -1;
            }
            Py_DECREF(done);
        }
    }
    if (!Py_IS_TYPE(v, Value) || !Py_IS_TYPE(SLOT(v, Value_aval), Aval)) {
        Py_DECREF(v);
        return 0; /* sparse */
    }
    PyObject *aval = SLOT(v, Value_aval), *edge = NULL;
    if (recording && SLOT(a, Tensor__rg) == Py_True && SLOT(aval, Aval_differentiable) == Py_True) {
        edge = SLOT(a, Tensor__edge);
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
        if (is_plain(a)) {
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
    PyObject *cell = SLOT(t, Tensor__vc);
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
    fill(node, TapeNode_versions, versions);
    PyObject *edges = PyTuple_New(c->n);
    if (edges)
        for (Py_ssize_t i = 0; i < c->n; i++)
            PyTuple_SET_ITEM(edges, i, Py_NewRef(c->edges[i] ? c->edges[i] : Py_None));
    fill(node, TapeNode_edges, edges);
    fill(node, TapeNode_pullback, Py_NewRef(pullback));
    fill(node, TapeNode_saved, saved_operands(c, SLOT(pullback, Pullback_used)));
    fill(node, TapeNode_label, Py_NewRef(Py_None));
    if (start_node(node) < 0 || !edges || !SLOT(node, TapeNode_saved))
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
    PyObject *found = PyDict_GetItemWithError(SLOT(sig, Signature_vjps), number);
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
    if (!node || SLOT(SLOT(value, Value_aval), Aval_differentiable) != Py_True)
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
    put(node, TapeNode_versions, list);
    return 0;
}

/* Give the results their strides. -> 0, or -1 with an error set. */
static int
place(PyObject *op, PyObject *args, PyObject *attrs, PyObject *results, int strided, int single)
{
    PyObject *done = Py_None;
    if (SLOT(op, Operation_layout) != Py_None) {
        PyObject *all[] = {op, args, attrs, results};
        if (!(done = PyObject_Vectorcall(lay_out, all, 4, NULL)))
            return -1;
        Py_DECREF(done);
    }
    else if (strided && (single || PyObject_IsTrue(SLOT(op, Operation_channels_last)))) {
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
    if (single && node && SLOT(op, Operation_saves_out) == Py_True &&
        watch_result(node, PyList_GET_ITEM(results, 0)) < 0)
        goto fail;
    if (place(op, args, attrs, results, strided, single) < 0)
        goto fail;
    if (!single || SLOT(op, Operation_multi) == Py_True)
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
    if (!PyTuple_GET_SIZE(SLOT(found, Signature_guards)))
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
    if (c->mask && SLOT(sig, Signature_differentiable) == Py_True) {
        if (!(pullback = pullback_of(sig, c->mask)))
            goto end;
        versions = SLOT(op, Operation_saves_out) == Py_True
                       ? Py_NewRef(Py_None)
                       : versions_of(c, SLOT(pullback, Pullback_watched));
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
    int plain_nodes = PyDict_GetItem(call_globals, name_TapeNode) == (PyObject *)TapeNode;
    if (!is_unset(name_autocast) || !plain_nodes || !PyTuple_CheckExact(args[1]) ||
        PyTuple_GET_SIZE(args[1]) > MOST_OPERANDS || !PyObject_TypeCheck(op, Operation))
        return 0;
    int usual = collect(c, args[1], args[2]);
    if (usual < 1)
        return usual;
    PyObject *sig = PyDict_GetItemWithError(SLOT(op, Operation_sigs), c->key);
    if (!sig) {
        PyErr_Clear();
        return 0;
    }
    Py_INCREF(sig);
    int status = perform(op, sig, c, m);
    Py_DECREF(sig);
    return status < 0 ? -1 : 1;
}

PyObject *
fast_compute(PyObject *self, PyObject *const *args, Py_ssize_t n)
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

PyObject *
fast_apply(PyObject *self, PyObject *const *args, Py_ssize_t n)
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
