#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

__attribute__((noreturn)) static void refuse(const char *what, const char *name) {
    fprintf(stderr, "%s: %s\n", what, name);
    exit(EXIT_USAGE);
}

static double number(const char *name, const char *text, double least, double most) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most)) refuse("not a usable number", name);
    return value;
}

Options options_parse(int count, char **arguments) {
    Options o = {.library = ".", .threads = 1, .runs = 200, .warmup = 2, .drift = 0.02, .limit = 600};
    const char *backend = "cpu", *precision = "fp16", *frames = "worst";
    for (int i = 1; i + 1 < count; i += 2) {
        const char *name = arguments[i], *value = arguments[i + 1];
        if (strcmp(name, "--model") == 0) o.model = value;
        else if (strcmp(name, "--pipeline") == 0) o.pipeline = value;
        else if (strcmp(name, "--landmarker") == 0) o.landmarker = value;
        else if (strcmp(name, "--frame") == 0) o.frame = value;
        else if (strcmp(name, "--frames") == 0) frames = value;
        else if (strcmp(name, "--dump") == 0) o.dump = value;
        else if (strcmp(name, "--reference") == 0) o.reference = value;
        else if (strcmp(name, "--library") == 0) o.library = value;
        else if (strcmp(name, "--out") == 0) o.out = value;
        else if (strcmp(name, "--log") == 0) o.log = value;
        else if (strcmp(name, "--cache") == 0) o.cache = value;
        else if (strcmp(name, "--backend") == 0) backend = value;
        else if (strcmp(name, "--precision") == 0) precision = value;
        else if (strcmp(name, "--threads") == 0) o.threads = (int)number(name, value, 1, 64);
        else if (strcmp(name, "--runs") == 0) o.runs = (int)number(name, value, 1, 1e6);
        else if (strcmp(name, "--warmup") == 0) o.warmup = number(name, value, 0, 600);
        else if (strcmp(name, "--drift") == 0) o.drift = number(name, value, 0, 1);
        else if (strcmp(name, "--paced") == 0) o.paced = number(name, value, 0, 1000);
        else if (strcmp(name, "--limit") == 0) o.limit = (int)number(name, value, 1, 86400);
        else refuse("unknown option", name);
    }
    if (count % 2 == 0) refuse("an option without a value", arguments[count - 1]);
    if (o.model == NULL || o.out == NULL || o.log == NULL) refuse("needed", "--model, --out and --log");
    if (strcmp(backend, "cpu") != 0 && strcmp(backend, "gpu") != 0) refuse("unknown backend", backend);
    if (strcmp(precision, "fp16") != 0 && strcmp(precision, "fp32") != 0) refuse("unknown precision", precision);
    if (strcmp(frames, "steady") != 0 && strcmp(frames, "worst") != 0) refuse("unknown frames", frames);
    if (o.pipeline != NULL && (o.landmarker == NULL || o.frame == NULL)) refuse("needed", "--landmarker and --frame");
    o.steady = strcmp(frames, "steady") == 0;
    o.gpu = strcmp(backend, "gpu") == 0;
    o.fp32 = strcmp(precision, "fp32") == 0;
    return o;
}
