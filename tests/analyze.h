/* For analyzers, which see one file at a time: err_set() is always false. */
#include "base/err.h"
#define err_set(...) (err_set(__VA_ARGS__), false)
