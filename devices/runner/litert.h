/* The part of LiteRT's C API that the runner calls, loaded from libLiteRt.so at run time.
 *
 * Declared here in the runner's own words, from the public headers of LiteRT 2.3: handles are opaque pointers, a status of
 * zero is success. Loading at run time lets one small program measure whatever LiteRT library lies beside it. */
#ifndef SDKGEN_RUNNER_LITERT_H
#define SDKGEN_RUNNER_LITERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void *Handle;

enum { ACCELERATOR_CPU = 1, ACCELERATOR_GPU = 2 };
enum { LOCK_READ = 0, LOCK_WRITE = 1 };
enum { WAIT_PASSIVE = 1 };
enum { ENVIRONMENT_LIBRARY_FOLDER = 22, VALUE_STRING = 8 };
enum { ELEMENT_FLOAT32 = 1, ELEMENT_UINT8 = 3, MAXIMUM_RANK = 8 };

/* An option of the environment: which one, then a tagged value. */
typedef struct {
    int tag;
    struct {
        int type;
        union {
            int64_t integer;
            double real;
            const char *string;
        } as;
    } value;
} EnvironmentOption;

/* Element type and shape of a tensor. `bits` holds the rank in its low seven bits. */
typedef struct {
    int element;
    unsigned int bits;
    int32_t dimensions[MAXIMUM_RANK];
    uint32_t strides[MAXIMUM_RANK];
} TensorType;

_Static_assert(sizeof(EnvironmentOption) == 24, "the layout LiteRT expects");
_Static_assert(sizeof(TensorType) == 72, "the layout LiteRT expects");

#define LITERT_FUNCTIONS(X)                                                                                            \
    X(int, CreateEnvironment, (int count, const EnvironmentOption *options, Handle *environment))                      \
    X(void, DestroyEnvironment, (Handle environment))                                                                  \
    X(int, GetNumAccelerators, (Handle environment, size_t *count))                                                    \
    X(int, GetAccelerator, (Handle environment, size_t index, Handle *accelerator))                                    \
    X(int, GetAcceleratorHardwareSupport, (Handle accelerator, int *accelerators))                                     \
    X(int, GetAcceleratorName, (Handle accelerator, const char **name))                                                \
    X(int, CreateModelFromFile, (Handle environment, const char *path, Handle *model))                                 \
    X(void, DestroyModel, (Handle model))                                                                              \
    X(int, GetModelSignature, (Handle model, size_t index, Handle *signature))                                         \
    X(int, GetNumSignatureInputs, (Handle signature, size_t *count))                                                   \
    X(int, GetNumSignatureOutputs, (Handle signature, size_t *count))                                                  \
    X(int, GetSignatureInputTensorByIndex, (Handle signature, size_t index, Handle *tensor))                           \
    X(int, GetSignatureOutputTensorByIndex, (Handle signature, size_t index, Handle *tensor))                          \
    X(int, GetRankedTensorType, (Handle tensor, TensorType *type))                                                     \
    X(int, CreateOptions, (Handle *options))                                                                           \
    X(void, DestroyOptions, (Handle options))                                                                          \
    X(int, SetOptionsHardwareAccelerators, (Handle options, int accelerators))                                         \
    X(int, CreateOpaqueOptions, (const char *name, void *payload, void (*release)(void *), Handle *opaque))            \
    X(int, AddOpaqueOptions, (Handle options, Handle opaque))                                                          \
    X(int, CreateCompiledModel, (Handle environment, Handle model, Handle options, Handle *compiled))                  \
    X(void, DestroyCompiledModel, (Handle compiled))                                                                   \
    X(int, GetCompiledModelInputBufferRequirements, (Handle compiled, size_t signature, size_t index, Handle *needs))  \
    X(int, GetCompiledModelOutputBufferRequirements, (Handle compiled, size_t signature, size_t index, Handle *needs)) \
    X(int, CreateManagedTensorBufferFromRequirements,                                                                  \
      (Handle environment, const TensorType *type, Handle needs, Handle *buffer))                                      \
    X(void, DestroyTensorBuffer, (Handle buffer))                                                                      \
    X(int, LockTensorBuffer, (Handle buffer, void **memory, int mode))                                                 \
    X(int, UnlockTensorBuffer, (Handle buffer))                                                                        \
    X(int, GetNumModelSubgraphs, (Handle model, size_t *count))                                                        \
    X(int, GetModelSubgraph, (Handle model, size_t index, Handle *subgraph))                                           \
    X(int, GetNumSubgraphOps, (Handle subgraph, size_t *count))                                                        \
    X(int, RunCompiledModel,                                                                                           \
      (Handle compiled, size_t signature, size_t inputs, Handle *input, size_t outputs, Handle *output))

typedef struct {
#define DECLARE(result, name, parameters) result(*name) parameters;
    LITERT_FUNCTIONS(DECLARE)
#undef DECLARE
} LiteRt;

/* Fills `api` from the library at `path`; returns NULL, or what is wrong. */
const char *litert_load(LiteRt *api, const char *path);

/* Returns a short name for a status of LiteRT. */
const char *litert_status(int status);

#endif
