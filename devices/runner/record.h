/* The result file: JSON lines, each handed to the system in one write before the next run begins, so that ending the process
 * at any moment loses at most the line being written. */
#ifndef SDKGEN_RUNNER_RECORD_H
#define SDKGEN_RUNNER_RECORD_H

#include <stdint.h>

/* What the process ends with. */
enum ExitCode {
    EXIT_OK = 0,
    EXIT_USAGE = 2,
    EXIT_OUTPUT = 3,   /* the result file cannot be written */
    EXIT_LIBRARY = 4,  /* LiteRT cannot be loaded */
    EXIT_MODEL = 5,    /* the model cannot be read, or has inputs or outputs that are not float32 */
    EXIT_BACKEND = 6,  /* the backend asked for is not there, or refuses the model */
    EXIT_RUN = 7,      /* a run failed, or an output is not a finite number */
    EXIT_LIMIT = 8,    /* took longer than --limit */
    EXIT_STOPPED = 9   /* asked to stop by a signal */
};

/* Opens (and empties) the result file; the process ends with EXIT_OUTPUT if that fails. */
void record_open(const char *path);

/* Writes one line; `format` as for printf. The process ends with EXIT_OUTPUT if the line cannot be written. */
__attribute__((format(printf, 1, 2))) void record_line(const char *format, ...);

/* Asks the system to put everything written so far on the disk. */
void record_sync(void);

/* Writes an error line with a kebab-case `reference`, and ends the process with `code`. */
__attribute__((noreturn, format(printf, 3, 4))) void record_fail(enum ExitCode code, const char *reference,
                                                                  const char *format, ...);

/* Writes a ready-made line and ends the process: all it does is safe in a signal handler. */
__attribute__((noreturn)) void record_die(enum ExitCode code, const char *line);

/* Returns `text` as a JSON string with its quotes; valid until the next eight calls. */
const char *record_quote(const char *text);

#endif
