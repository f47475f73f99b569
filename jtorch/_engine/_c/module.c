/* The module: what it is told, and its functions. */

#include "fast.h"
#include <structmember.h>

#define DEFINE_CLASS(name) PyTypeObject *name;
#define DEFINE_OBJECT(name) PyObject *name;
#define DEFINE_SLOT(type, name) Py_ssize_t type##_##name;
#define DEFINE_NAME(name) PyObject *name_##name;

CLASSES(DEFINE_CLASS)
OBJECTS(DEFINE_OBJECT)
SLOTS(DEFINE_SLOT)
NAMES(DEFINE_NAME)

long long first_scalar;
PyObject *zero, *no_args;

#define CLASS_ROW(name) {#name, &name},
#define OBJECT_ROW(name) {#name, &name},
#define SLOT_ROW(type, name) {&type, #name, &type##_##name},
#define NAME_ROW(name) {&name_##name, #name},

static const struct {
    const char *name;
    PyTypeObject **into;
} classes[] = {CLASSES(CLASS_ROW)};

static const struct {
    const char *name;
    PyObject **into;
} objects[] = {OBJECTS(OBJECT_ROW)};

static const struct {
    PyTypeObject **of;
    const char *name;
    Py_ssize_t *into;
} slots[] = {SLOTS(SLOT_ROW)};

static const struct {
    PyObject **into;
    const char *text;
} names[] = {NAMES(NAME_ROW)};

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

/* ---- the module ---- */

#define METHOD(name, doc) {#name, (PyCFunction)(void (*)(void))fast_##name, METH_FASTCALL, doc},

static PyMethodDef methods[] = {
    {"setup", setup, METH_O, "Tell the classes and functions of the engine."},
    METHOD(record, "trace.record")
    METHOD(record_many, "trace.record_many")
    METHOD(wrap, "tensor.wrap")
    METHOD(compute, "call.compute")
    METHOD(apply, "call.apply")
    METHOD(assign, "call.assign")
    METHOD(walk_plain, "tape.walk_plain")
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_fast", "The recording path in C.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__fast(void)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++)
        if (!(*names[i].into = PyUnicode_InternFromString(names[i].text)))
            return NULL;
    if (!(zero = PyLong_FromLong(0)) || !(no_args = PyTuple_New(0)))
        return NULL;
    PyObject *made = PyModule_Create(&module);
    if (made && PyModule_AddIntConstant(made, "interface", INTERFACE) < 0)
        Py_CLEAR(made);
    return made;
}
