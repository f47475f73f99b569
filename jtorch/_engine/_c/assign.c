/* Operations on long lists of tensors, outside autograd, whose results go into tensors: assign. */

#include "fast.h"

/* Append a tensor's contents and their aval. -> 1; 0 when it is no usual tensor; -1 on errors. */
static int
add_contents(PyObject *a, PyObject *values, PyObject *key)
{
    if (!is_plain(a))
        return 0;
    PyObject *st = SLOT(a, Tensor__st);
    PyObject *value = st ? SLOT(st, Storage_value) : NULL;
    if (!value || SLOT(a, Tensor__view) != Py_None || !Py_IS_TYPE(value, Value))
        return 0;
    if (PyList_Append(values, value) < 0 || PyList_Append(key, SLOT(value, Value_aval)) < 0)
        return -1;
    return 1;
}

/* True when the tensors are ones whose storage can be given a new value just so. */
static int
are_assignable(PyObject *targets)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(targets); i++) {
        PyObject *t = PyList_GET_ITEM(targets, i);
        if (!PyObject_TypeCheck(t, Tensor) || !SLOT(t, Tensor__st) ||
            SLOT(t, Tensor__view) != Py_None ||
            SLOT(SLOT(t, Tensor__st), Storage_alias) != Py_None)
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
        PyObject *t = PyList_GET_ITEM(targets, i), *st = SLOT(t, Tensor__st);
        PyObject *cell = SLOT(t, Tensor__vc);
        PyObject *version = successor(SLOT(st, Storage_version));
        PyObject *count = successor(PyList_GET_ITEM(cell, 0));
        if (!version || !count) {
            Py_XDECREF(version);
            Py_XDECREF(count);
            return -1;
        }
        put(st, Storage_version, version);
        put(st, Storage_value, Py_NewRef(PyList_GET_ITEM(made, i)));
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
    PyObject *sig = PyDict_GetItemWithError(SLOT(op, Operation_sigs), whole);
    Py_DECREF(whole);
    if (!sig || SLOT(sig, Signature_single) == Py_True ||
        PyTuple_GET_SIZE(SLOT(sig, Signature_guards))) {
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

PyObject *
fast_assign(PyObject *self, PyObject *const *args, Py_ssize_t n)
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
