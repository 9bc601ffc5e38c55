/* Times a TFLite model on this device, or a face tracker's frames (see pipeline.h), and writes what it measures, as it
 * measures it, to a file of JSON lines:
 *
 *   header      versions, options, clock, process
 *   init        loading the library, cold and warm initialisation
 *   placement   which accelerator took how many of the model's ops (-1 if it did not say), and whether it took all
 *   first       the first run
 *   warmup      how long it took to settle, and whether it did
 *   sample      one timed run: when, dispatch to completion, write to read-back
 *   reference   the median of a fixed model's runs, which tells how fast the device was (where it runs on the backend)
 *   end         peak memory, and how long the whole process took
 *   error       why it ended early
 *
 * Times are nanoseconds. See record.h for the exit codes. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "litert.h"
#include "model.h"
#include "options.h"
#include "pipeline.h"
#include "record.h"

#define RUNNER_VERSION "3"

#if defined(__aarch64__)
#define ABI "arm64-v8a"
#elif defined(__arm__)
#define ABI "armeabi-v7a"
#elif defined(__x86_64__)
#define ABI "x86_64"
#else
#define ABI "other"
#endif

/* What is timed: a model, or a pipeline of two. */
typedef struct {
    const LiteRt *api;
    Model models[2];
    int count;
    Pipeline *pipeline; /* NULL for a model alone */
} Task;

enum { WINDOW_RUNS = 4096, WARMUP_ATTEMPTS = 5 };
static const double WINDOW_SECONDS = 0.5, REFERENCE_SECONDS = 0.2;

static void on_signal(int signal_number) {
    if (signal_number == SIGALRM)
        record_die(EXIT_LIMIT, "{\"type\":\"error\",\"reference\":\"limit\",\"message\":\"took longer than its limit\"}\n");
    record_die(EXIT_STOPPED, "{\"type\":\"error\",\"reference\":\"stopped\",\"message\":\"stopped by a signal\"}\n");
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static Timing run(Task *task) {
    return task->pipeline ? pipeline_run(task->pipeline, &task->models[0], &task->models[1]) : model_run(&task->models[0]);
}

/* Runs for so many seconds; returns the median time, and adds to the count of runs. */
static double window_median(Task *task, double seconds, int *runs) {
    static int64_t times[WINDOW_RUNS];
    int count = 0;
    for (int64_t end = now() + (int64_t)(seconds * 1e9); count < 3 || (count < WINDOW_RUNS && now() < end);)
        times[count++] = run(task).total;
    *runs += count;
    qsort(times, (size_t)count, sizeof times[0], by_value);
    return (double)times[count / 2];
}

/* Runs until the time is up and two windows in a row agree; gives up waiting for agreement after five times as long. */
static void warm_up(Task *task, const Options *o) {
    int64_t start = now();
    double drift = 0, seconds = 0;
    int runs = 0;
    bool settled = o->warmup == 0;
    for (double before = 0; !settled && seconds < WARMUP_ATTEMPTS * o->warmup;) {
        double median = window_median(task, WINDOW_SECONDS, &runs);
        drift = before > 0 ? (median > before ? median - before : before - median) / before : 1;
        before = median;
        seconds = (double)(now() - start) / 1e9;
        settled = seconds >= o->warmup && drift < o->drift;
    }
    record_line("{\"type\":\"warmup\",\"runs\":%d,\"seconds\":%.3f,\"drift\":%.4f,\"settled\":%s}", runs, seconds, drift,
                settled ? "true" : "false");
}

static void wait_until(int64_t when) {
    struct timespec t = {.tv_sec = when / 1000000000, .tv_nsec = when % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0) {}
}

static void measure(Task *task, const Options *o) {
    int64_t start = now(), tick = start, interval = o->paced > 0 ? (int64_t)(1e9 / o->paced) : 0;
    for (int i = 0; i < o->runs; i++) {
        if (interval > 0) {
            /* A run that takes longer than its turn loses turns; it does not make the next ones hurry. */
            while (tick < now()) tick += interval;
            wait_until(tick);
        }
        int64_t at = now() - start;
        Timing t = run(task);
        record_line("{\"type\":\"sample\",\"i\":%d,\"at_ns\":%lld,\"run_ns\":%lld,\"total_ns\":%lld}", i, (long long)at,
                    (long long)t.run, (long long)t.total);
    }
    for (int i = 0; i < task->count; i++)
        if (!model_outputs_finite(&task->models[i]))
            record_fail(EXIT_RUN, "not-finite", "an output is not a finite number");
}

/* Times the reference, a model that is the same in every run ever made; says nothing where the backend refuses it. */
static void measure_reference(const LiteRt *api, const Options *o) {
    Task task = {.api = api, .count = 1};
    int runs = 0;
    if (o->reference == NULL || model_open(&task.models[0], api, o, o->reference, "reference", false) != 0) return;
    window_median(&task, REFERENCE_SECONDS, &runs); /* warm-up */
    runs = 0;
    double median = window_median(&task, REFERENCE_SECONDS, &runs);
    record_line("{\"type\":\"reference\",\"runs\":%d,\"median_ns\":%.0f}", runs, median);
}

/* Returns the name of the accelerator that stands for the backend asked for, or NULL if none was found. */
static const char *accelerator_name(const LiteRt *api, const Model *model, const Options *o) {
    size_t count = 0;
    api->GetNumAccelerators(model->environment, &count);
    for (size_t i = 0; i < count; i++) {
        Handle accelerator;
        int kinds = 0;
        const char *name;
        if (api->GetAccelerator(model->environment, i, &accelerator) == 0 &&
            api->GetAcceleratorHardwareSupport(accelerator, &kinds) == 0 &&
            (kinds & (o->gpu ? ACCELERATOR_GPU : ACCELERATOR_CPU)) != 0 && api->GetAcceleratorName(accelerator, &name) == 0)
            return name;
    }
    return NULL;
}

static void write_placement(const Task *task, const Options *o) {
    const char *name = accelerator_name(task->api, &task->models[0], o);
    if (name == NULL)
        record_fail(EXIT_BACKEND, "backend-unavailable", "LiteRT found no accelerator for the %s", o->gpu ? "GPU" : "CPU");
    int ops = 0, delegated = 0;
    bool full = true;
    for (int i = 0; i < task->count; i++) {
        const Model *m = &task->models[i];
        ops += m->ops;
        delegated = delegated < 0 || m->delegated < 0 ? -1 : delegated + m->delegated;
        full = full && !m->mixed;
    }
    record_line("{\"type\":\"placement\",\"backend\":\"%s\",\"accelerator\":%s,\"ops\":%d,\"delegated\":%d,\"full\":%s}",
                o->gpu ? "gpu" : "cpu", record_quote(name), ops, delegated, full ? "true" : "false");
}

/* Opens the models and returns the nanoseconds that took. A GPU that refuses one is offered it again with the CPU to help:
 * a model that runs partly on the CPU is measured too, and says so; the refusal is not counted. */
static int64_t open_models(Task *task, const Options *o) {
    const char *paths[] = {o->model, o->landmarker}, *keys[] = {"model", "landmarker"};
    int64_t spent = 0;
    for (int i = 0; i < task->count; i++) {
        Model *m = &task->models[i];
        int64_t began = now();
        int status = model_open(m, task->api, o, paths[i], keys[i], m->mixed);
        if (status != 0 && o->gpu && !m->mixed) {
            model_close(m);
            began = now();
            status = model_open(m, task->api, o, paths[i], keys[i], true);
        }
        if (status != 0)
            record_fail(EXIT_BACKEND, "backend-unavailable", "LiteRT does not compile the model for the %s: %s (%d)",
                        o->gpu ? "GPU" : "CPU", litert_status(status), status);
        spent += now() - began;
    }
    return spent;
}

static void close_models(Task *task) {
    for (int i = 0; i < task->count; i++) {
        bool mixed = task->models[i].mixed;
        model_close(&task->models[i]);
        task->models[i].mixed = mixed;
    }
}

static long peak_kib(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : -1;
}

int main(int count, char **arguments) {
    int64_t begun = now();
    Options o = options_parse(count, arguments);
    record_open(o.out);
    if (freopen(o.log, "w", stderr) == NULL) record_fail(EXIT_OUTPUT, "bad-output", "the log cannot be written");
    setvbuf(stderr, NULL, _IONBF, 0);
    signal(SIGALRM, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    alarm((unsigned int)o.limit);
    struct timespec resolution = {0};
    clock_getres(CLOCK_MONOTONIC, &resolution);
    record_line("{\"type\":\"header\",\"schema\":1,\"runner\":\"" RUNNER_VERSION "\",\"abi\":\"" ABI "\",\"pid\":%ld,"
                "\"started_unix\":%lld,\"clock\":\"CLOCK_MONOTONIC\",\"resolution_ns\":%ld,\"backend\":\"%s\","
                "\"precision\":\"%s\",\"threads\":%d,\"runs\":%d,\"warmup_seconds\":%g,\"drift\":%g,\"paced\":%g}",
                (long)getpid(), (long long)time(NULL), resolution.tv_nsec, o.gpu ? "gpu" : "cpu", o.fp32 ? "fp32" : "fp16",
                o.threads, o.runs, o.warmup, o.drift, o.paced);
    record_sync();

    static LiteRt api;
    char library[1024];
    snprintf(library, sizeof library, "%s/libLiteRt.so", o.library);
    int64_t started = now();
    const char *wrong = litert_load(&api, library);
    int64_t loaded = now();
    if (wrong != NULL) record_fail(EXIT_LIBRARY, "no-litert", "%s", wrong);

    static Pipeline pipeline;
    Task task = {.api = &api, .count = 1};
    if (o.pipeline != NULL) {
        pipeline_load(&pipeline, &o);
        task.pipeline = &pipeline;
        task.count = 2;
    }
    int64_t cold = open_models(&task, &o);
    close_models(&task);
    int64_t warm = open_models(&task, &o);
    record_line("{\"type\":\"init\",\"load_ns\":%lld,\"cold_ns\":%lld,\"warm_ns\":%lld}", (long long)(loaded - started),
                (long long)cold, (long long)warm);
    write_placement(&task, &o);

    Timing first = run(&task);
    record_line("{\"type\":\"first\",\"run_ns\":%lld,\"total_ns\":%lld}", (long long)first.run, (long long)first.total);
    warm_up(&task, &o);
    record_sync();
    measure(&task, &o);
    if (task.pipeline != NULL && o.dump != NULL) pipeline_dump(&pipeline, &o);
    long peak = peak_kib();
    measure_reference(&api, &o);
    record_line("{\"type\":\"end\",\"runs\":%d,\"peak_kib\":%ld,\"elapsed_ns\":%lld}", o.runs, peak,
                (long long)(now() - begun));
    record_sync();
    /* The accelerator's own clean-up at exit has been seen to crash; everything is on the disk. */
    _exit(EXIT_OK);
}
