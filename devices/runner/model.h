/* A model compiled for one backend, with its input and output buffers. */
#ifndef SDKGEN_RUNNER_MODEL_H
#define SDKGEN_RUNNER_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "litert.h"
#include "options.h"

enum { MAXIMUM_TENSORS = 16 };

typedef struct {
    const LiteRt *api;
    Handle environment, model, options, compiled;
    size_t inputs, outputs;
    Handle input[MAXIMUM_TENSORS], output[MAXIMUM_TENSORS];
    size_t input_numbers[MAXIMUM_TENSORS], output_floats[MAXIMUM_TENSORS];
    bool input_is_bytes[MAXIMUM_TENSORS]; /* else an input is floats; outputs always are */
    void *host_input[MAXIMUM_TENSORS];
    float *host_output[MAXIMUM_TENSORS];
    float *woven; /* the predictions of a model with several outputs, see model_predictions */
    bool mixed;         /* the GPU alone refused the model, so the CPU may take what is left over */
    int ops, delegated; /* how many ops the model has, and how many the backend took; -1 if LiteRT did not say */
} Model;

/* Nanoseconds of one run. */
typedef struct {
    int64_t run;   /* dispatch to completion */
    int64_t total; /* write the input, run, read the output */
} Timing;

/* Nanoseconds on the monotonic clock. */
int64_t now(void);

/* Compiles the model in the file `path` and makes its buffers. `mixed` lets the CPU take over ops that the GPU refuses; `key`
 * tells its compiled programs from another model's. Returns LiteRT's status: not 0 if the backend does not take the model.
 * Ends the process where the model itself is at fault. */
int model_open(Model *model, const LiteRt *api, const Options *options, const char *path, const char *key, bool mixed);

void model_close(Model *model);

/* One run, timed; ends the process if it fails. */
Timing model_run(Model *model);

/* The last outputs as `rows` rows of `first` + `second` numbers: the only output, or two woven together where a row's numbers
 * lie in two, as in the released files. Valid until the next call. Ends the process if the model has no such outputs. */
const float *model_predictions(Model *model, size_t rows, size_t first, size_t second);

/* True if every number of the last outputs is finite. */
bool model_outputs_finite(const Model *model);

#endif
