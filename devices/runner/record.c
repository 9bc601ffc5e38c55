#include "record.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 8192, QUOTED_BYTES = 1024, QUOTED_SLOTS = 8 };

static int file = -1;

void record_open(const char *path) {
    file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0) {
        perror(path);
        exit(EXIT_OUTPUT);
    }
}

static void put(const char *text, size_t length) {
    while (length > 0) {
        ssize_t written = write(file, text, length);
        if (written <= 0) _exit(EXIT_OUTPUT);
        text += written;
        length -= (size_t)written;
    }
}

void record_line(const char *format, ...) {
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= (int)sizeof line - 1) exit(EXIT_OUTPUT);
    line[length] = '\n';
    put(line, (size_t)length + 1);
}

void record_sync(void) { fdatasync(file); }

void record_fail(enum ExitCode code, const char *reference, const char *format, ...) {
    char message[QUOTED_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fprintf(stderr, "error[%s] %s\n", reference, message);
    if (file >= 0) {
        record_line("{\"type\":\"error\",\"reference\":%s,\"message\":%s}", record_quote(reference), record_quote(message));
        record_sync();
    }
    _exit(code);
}

void record_die(enum ExitCode code, const char *line) {
    if (file >= 0) put(line, strlen(line));
    _exit(code);
}

const char *record_quote(const char *text) {
    static char slots[QUOTED_SLOTS][QUOTED_BYTES];
    static unsigned int next;
    char *slot = slots[next++ % QUOTED_SLOTS], *out = slot;
    *out++ = '"';
    for (; *text != '\0' && out < slot + QUOTED_BYTES - 8; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            *out++ = '\\';
            *out++ = (char)c;
        } else if (c < 0x20 || c > 0x7e) {
            out += sprintf(out, "\\u%04x", c);
        } else {
            *out++ = (char)c;
        }
    }
    *out++ = '"';
    *out = '\0';
    return slot;
}
