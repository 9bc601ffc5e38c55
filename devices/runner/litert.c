#include "litert.h"

#include <dlfcn.h>
#include <stdio.h>

const char *litert_load(LiteRt *api, const char *path) {
    static char missing[160];
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return dlerror();
#define RESOLVE(result, name, parameters)                                                                              \
    *(void **)&api->name = dlsym(library, "LiteRt" #name);                                                             \
    if (api->name == NULL) {                                                                                           \
        snprintf(missing, sizeof missing, "the library lacks LiteRt" #name);                                           \
        return missing;                                                                                                \
    }
    LITERT_FUNCTIONS(RESOLVE)
#undef RESOLVE
    return NULL;
}

const char *litert_status(int status) {
    switch (status) {
        case 0: return "ok";
        case 1: return "invalid argument";
        case 2: return "out of memory";
        case 3: return "runtime failure";
        case 5: return "unsupported";
        case 6: return "not found";
        case 500: return "file cannot be read";
        case 501: return "not a TFLite file";
        case 502: return "library cannot be loaded";
        case 504: return "compilation failed";
        default: return "failure";
    }
}
