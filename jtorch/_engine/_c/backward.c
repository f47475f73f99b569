/* The walk back through the graph: walk_plain. */

#include "fast.h"

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
    long long seq = PyLong_AsLongLong(SLOT(node, TapeNode_seq));
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
            ? Py_NewRef(SLOT(SLOT(SLOT(node, TapeNode_pullback), Pullback_sig), Signature_n_outs))
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
    if (is_empty(SLOT(node, TapeNode_pre_hooks)) && is_empty(SLOT(node, TapeNode_retained)))
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
    PyObject *versions = SLOT(node, TapeNode_versions);
    int fine = SLOT(node, TapeNode_saved) != freed;
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
    PyObject *found = SLOT(pullback, Pullback_complete);
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
    PyObject *pullback = SLOT(node, TapeNode_pullback), *edges = SLOT(node, TapeNode_edges);
    if (check_node(node) < 0)
        return -1;
    PyObject *sig = complete_signature(pullback, PyList_GET_SIZE(incoming));
    PyObject *operands = sig ? PySequence_List(SLOT(node, TapeNode_saved)) : NULL;
    PyObject *extended = operands ? PySequence_InPlaceConcat(operands, incoming) : NULL;
    PyObject *made = NULL;
    if (extended)
        made = record_node(sig, PySequence_Fast_ITEMS(operands), PyList_GET_SIZE(operands));
    Py_XDECREF(extended);
    Py_XDECREF(operands);
    Py_XDECREF(sig);
    if (!made)
        return -1;
    if (!w->keep_graph && PyObject_IsTrue(SLOT(node, TapeNode_saved)))
        put(node, TapeNode_saved, Py_NewRef(freed));
    int single = Py_IS_TYPE(made, Value), status = 0;
    PyObject *wanted = SLOT(pullback, Pullback_wanted);
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
    PyObject *outgoing = result ? PySequence_Tuple(result) : NULL;
    PyObject *edges = outgoing ? PySequence_Tuple(SLOT(node, TapeNode_edges)) : NULL;
    int status = -1;
    Py_XDECREF(result);
    if (!edges) {
        Py_XDECREF(outgoing);
        return -1;
    }
    if (!w->keep_graph) {
        PyObject *done = PyObject_CallMethodNoArgs(node, name_free);
        if (!done)
            goto end;
        Py_DECREF(done);
    }
    Py_ssize_t n = Py_MIN(PyTuple_GET_SIZE(edges), PyTuple_GET_SIZE(outgoing));
    status = 0;
    for (Py_ssize_t i = 0; !status && i < n; i++) {
        PyObject *edge = PyTuple_GET_ITEM(edges, i);
        PyObject *g = PyTuple_GET_ITEM(outgoing, i);
        if (edge != Py_None && g != Py_None)
            status = send(w, edge, g);
    }
end:
    Py_DECREF(edges);
    Py_DECREF(outgoing);
    return status;
}

/* Take what arrived at a node out of the buffers, after the hooks on it; owned. */
static PyObject *
arrived(Walk *w, PyObject *node)
{
    PyObject *incoming = PyDict_GetItemWithError(w->buffers, node);
    if (!incoming) {
        if (!PyErr_Occurred())
            PyErr_SetObject(PyExc_KeyError, node);
        return NULL;
    }
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
    int usual = Py_IS_TYPE(node, TapeNode) && is_empty(SLOT(node, TapeNode_hooks)) &&
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
    PyObject *pair[] = {SLOT(leaf, AccumulateGrad_variable), t};
    done = PyObject_Vectorcall(w->accumulate, pair, 2, NULL);
    Py_DECREF(t);
    if (!done)
        goto end;
    Py_DECREF(done);
    status = 0;
    if (!is_empty(SLOT(leaf, TapeNode_hooks))) {
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

PyObject *
fast_walk_plain(PyObject *self, PyObject *const *args, Py_ssize_t n)
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
