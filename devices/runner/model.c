#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "record.h"

int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* LiteRT reads the options of an accelerator as TOML text, handed over under the accelerator's name. */
static int add_options(const LiteRt *api, Handle options, const char *name, const char *text) {
    Handle opaque = NULL;
    int status = api->CreateOpaqueOptions(name, strdup(text), free, &opaque);
    return status != 0 ? status : api->AddOpaqueOptions(options, opaque);
}

static int compile(Model *m, const Options *o, const char *path, const char *key, int accelerators) {
    EnvironmentOption folder = {.tag = ENVIRONMENT_LIBRARY_FOLDER,
                                .value = {.type = VALUE_STRING, .as = {.string = o->library}}};
    int status = m->api->CreateEnvironment(1, &folder, &m->environment);
    if (status != 0) return status;
    status = m->api->CreateModelFromFile(m->environment, path, &m->model);
    if (status != 0) record_fail(EXIT_MODEL, "bad-model", "LiteRT cannot read the model: %s (%d)", litert_status(status), status);
    if ((status = m->api->CreateOptions(&m->options)) != 0) return status;
    if ((status = m->api->SetOptionsHardwareAccelerators(m->options, accelerators)) != 0) return status;
    char text[1024];
    snprintf(text, sizeof text, "num_threads = %d\n", o->threads);
    if ((status = add_options(m->api, m->options, "xnnpack", text)) != 0) return status;
    if (accelerators & ACCELERATOR_GPU) {
        /* Unless told to wait, a run on the GPU returns once it is queued. */
        int length = snprintf(text, sizeof text, "precision = %d\nwait_type = %d\n", o->fp32 ? 2 : 1, WAIT_PASSIVE);
        if (o->cache != NULL)
            snprintf(text + length, sizeof text - (size_t)length,
                     "serialization_dir = \"%s\"\nmodel_cache_key = \"%s\"\nserialize_program_cache = true\n", o->cache, key);
        if ((status = add_options(m->api, m->options, "gpu_options", text)) != 0) return status;
    }
    return m->api->CreateCompiledModel(m->environment, m->model, m->options, &m->compiled);
}

static void check(int status, const char *what) {
    if (status != 0) record_fail(EXIT_RUN, "run-failed", "%s: %s (%d)", what, litert_status(status), status);
}

static size_t numbers_of(const TensorType *type, bool input) {
    const char *what = input ? "input" : "output";
    size_t count = 1, rank = type->bits & 0x7f;
    bool usable = type->element == ELEMENT_FLOAT32 || (input && type->element == ELEMENT_UINT8);
    if (!usable || rank > MAXIMUM_RANK)
        record_fail(EXIT_MODEL, "bad-model", "an %s is not float32%s", what, input ? " or uint8" : "");
    for (size_t i = 0; i < rank; i++) {
        if (type->dimensions[i] <= 0) record_fail(EXIT_MODEL, "bad-model", "an %s has no fixed shape", what);
        count *= (size_t)type->dimensions[i];
    }
    return count;
}

/* Gives tensor `index` the kind of buffer that the compiled model asks for, and a copy in host memory. */
static void make_buffer(Model *m, Handle signature, size_t index, bool input) {
    TensorType type;
    Handle tensor, needs;
    const LiteRt *api = m->api;
    check((input ? api->GetSignatureInputTensorByIndex : api->GetSignatureOutputTensorByIndex)(signature, index, &tensor),
          "a tensor of the signature");
    check(api->GetRankedTensorType(tensor, &type), "the type of a tensor");
    size_t count = numbers_of(&type, input);
    check((input ? api->GetCompiledModelInputBufferRequirements
                 : api->GetCompiledModelOutputBufferRequirements)(m->compiled, 0, index, &needs),
          "what a buffer needs");
    check(api->CreateManagedTensorBufferFromRequirements(m->environment, &type, needs,
                                                         input ? &m->input[index] : &m->output[index]),
          "a tensor buffer");
    float *host = calloc(count, sizeof(float));
    if (host == NULL) record_fail(EXIT_RUN, "run-failed", "out of memory");
    if (!input) {
        m->host_output[index] = host, m->output_floats[index] = count;
        return;
    }
    bool bytes = type.element == ELEMENT_UINT8;
    m->host_input[index] = host, m->input_numbers[index] = count, m->input_is_bytes[index] = bytes;
    /* A fixed pattern within the range of every model's input. */
    for (size_t i = 0; i < count; i++) {
        if (bytes) ((uint8_t *)host)[i] = (uint8_t)((i * 7919) % 255);
        else host[i] = (float)((i * 7919) % 255) / 255.0f;
    }
}

/* Returns how many ops the GPU took of a model that it did not take whole, or -1 if LiteRT did not say: its GPU delegate
 * writes it as a message. The last message counts: it is that of the model compiled last. */
static int ops_on_gpu(const Options *o) {
    char line[2048];
    int taken = -1, on_gpu, on_cpu;
    FILE *log = fopen(o->log, "r");
    if (log == NULL) return -1;
    while (fgets(line, sizeof line, log) != NULL)
        if (sscanf(line, "%d operations will run on the GPU, and the remaining %d", &on_gpu, &on_cpu) == 2) taken = on_gpu;
    fclose(log);
    return taken;
}

static int count_ops(const Model *m) {
    size_t subgraphs = 0, ops = 0, all = 0;
    Handle subgraph;
    m->api->GetNumModelSubgraphs(m->model, &subgraphs);
    for (size_t i = 0; i < subgraphs; i++)
        if (m->api->GetModelSubgraph(m->model, i, &subgraph) == 0 && m->api->GetNumSubgraphOps(subgraph, &ops) == 0) all += ops;
    return (int)all;
}

int model_open(Model *m, const LiteRt *api, const Options *o, const char *path, const char *key, bool mixed) {
    *m = (Model){.api = api, .mixed = mixed};
    int both = mixed ? ACCELERATOR_GPU | ACCELERATOR_CPU : ACCELERATOR_GPU;
    int status = compile(m, o, path, key, o->gpu ? both : ACCELERATOR_CPU);
    if (status != 0) return status;
    m->ops = count_ops(m);
    m->delegated = mixed ? ops_on_gpu(o) : m->ops;
    Handle signature;
    check(api->GetModelSignature(m->model, 0, &signature), "the model's signature");
    check(api->GetNumSignatureInputs(signature, &m->inputs), "the number of inputs");
    check(api->GetNumSignatureOutputs(signature, &m->outputs), "the number of outputs");
    if (m->inputs > MAXIMUM_TENSORS || m->outputs > MAXIMUM_TENSORS)
        record_fail(EXIT_MODEL, "bad-model", "more than %d inputs or outputs", MAXIMUM_TENSORS);
    for (size_t i = 0; i < m->inputs; i++) make_buffer(m, signature, i, true);
    for (size_t i = 0; i < m->outputs; i++) make_buffer(m, signature, i, false);
    return 0;
}

void model_close(Model *m) {
    for (size_t i = 0; i < m->inputs; i++) {
        m->api->DestroyTensorBuffer(m->input[i]);
        free(m->host_input[i]);
    }
    for (size_t i = 0; i < m->outputs; i++) {
        m->api->DestroyTensorBuffer(m->output[i]);
        free(m->host_output[i]);
    }
    free(m->woven);
    if (m->compiled != NULL) m->api->DestroyCompiledModel(m->compiled);
    if (m->options != NULL) m->api->DestroyOptions(m->options);
    if (m->model != NULL) m->api->DestroyModel(m->model);
    if (m->environment != NULL) m->api->DestroyEnvironment(m->environment);
    *m = (Model){.api = m->api};
}

static void copy(const LiteRt *api, Handle buffer, void *host, size_t size, int mode) {
    void *memory;
    check(api->LockTensorBuffer(buffer, &memory, mode), "locking a buffer");
    if (mode == LOCK_WRITE) memcpy(memory, host, size);
    else memcpy(host, memory, size);
    check(api->UnlockTensorBuffer(buffer), "unlocking a buffer");
}

Timing model_run(Model *m) {
    int64_t start = now();
    for (size_t i = 0; i < m->inputs; i++) {
        size_t size = m->input_numbers[i] * (m->input_is_bytes[i] ? 1 : sizeof(float));
        copy(m->api, m->input[i], m->host_input[i], size, LOCK_WRITE);
    }
    int64_t dispatch = now();
    check(m->api->RunCompiledModel(m->compiled, 0, m->inputs, m->input, m->outputs, m->output), "a run");
    int64_t completed = now();
    for (size_t i = 0; i < m->outputs; i++) copy(m->api, m->output[i], m->host_output[i], m->output_floats[i] * sizeof(float), LOCK_READ);
    return (Timing){.run = completed - dispatch, .total = now() - start};
}

static const float *output_of(const Model *m, size_t floats) {
    for (size_t i = 0; i < m->outputs; i++)
        if (m->output_floats[i] == floats) return m->host_output[i];
    record_fail(EXIT_MODEL, "bad-model", "the model has no output of %zu numbers", floats);
}

const float *model_predictions(Model *m, size_t rows, size_t first, size_t second) {
    size_t width = first + second;
    if (m->outputs == 1) return output_of(m, rows * width);
    const float *leading = output_of(m, rows * first), *trailing = output_of(m, rows * second);
    if (m->woven == NULL && (m->woven = calloc(rows * width, sizeof(float))) == NULL)
        record_fail(EXIT_RUN, "run-failed", "out of memory");
    for (size_t row = 0; row < rows; row++) {
        memcpy(m->woven + row * width, leading + row * first, first * sizeof(float));
        memcpy(m->woven + row * width + first, trailing + row * second, second * sizeof(float));
    }
    return m->woven;
}

bool model_outputs_finite(const Model *m) {
    for (size_t i = 0; i < m->outputs; i++)
        for (size_t j = 0; j < m->output_floats[i]; j++)
            if (!isfinite(m->host_output[i][j])) return false;
    return true;
}
