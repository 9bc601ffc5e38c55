/* The runner's command line. */
#ifndef SDKGEN_RUNNER_OPTIONS_H
#define SDKGEN_RUNNER_OPTIONS_H

#include <stdbool.h>

typedef struct {
    const char *model;      /* a .tflite file; for a pipeline, the detector */
    const char *pipeline;   /* what describes the pipeline whose frames are timed, or NULL to time the model alone */
    const char *landmarker; /* the pipeline's other model */
    const char *frame;      /* what the camera gives: RGB bytes, of the size that the description says */
    const char *dump;       /* where to write what the pipeline's last frame held, or NULL */
    bool steady;            /* the pipeline's frames while it follows a face, not those that begin anew */
    const char *reference;  /* a fixed model that is timed last: how fast the device is at the moment; or NULL */
    const char *library; /* the folder of libLiteRt.so and its accelerators */
    const char *out;     /* the result file */
    const char *log;     /* where LiteRT's own messages go: they tell which delegate took how many ops */
    const char *cache;   /* an empty folder for compiled GPU programs, or NULL */
    bool gpu;
    bool fp32;      /* GPU arithmetic in float32 where float16 is the default */
    int threads;    /* CPU threads */
    int runs;       /* timed runs */
    double warmup;  /* seconds of warm-up at least */
    double drift;   /* warm-up ends once the medians of two windows differ by less than this share */
    double paced;   /* runs a second; 0 is as fast as they go */
    int limit;      /* seconds after which the process ends itself */
} Options;

/* Reads the command line; prints what is wrong and ends the process with EXIT_USAGE where it must. */
Options options_parse(int count, char **arguments);

#endif
