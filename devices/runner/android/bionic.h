/* What the runner uses of Android's C library, declared in its own words from POSIX and the platform's ABI: with these few
 * lines it is compiled without the NDK. Every name here is a public symbol of API level 24 (see ../targets.toml). */
#ifndef SDKGEN_RUNNER_BIONIC_H
#define SDKGEN_RUNNER_BIONIC_H

#include <stdarg.h>
#include <stddef.h>

typedef struct __sFILE FILE;
extern FILE *stderr;
#define _IONBF 2
#define EOF (-1)
FILE *fopen(const char *, const char *);
FILE *freopen(const char *, const char *, FILE *);
int fclose(FILE *);
int fgetc(FILE *);
char *fgets(char *, int, FILE *);
size_t fread(void *, size_t, size_t, FILE *);
size_t fwrite(const void *, size_t, size_t, FILE *);
int setvbuf(FILE *, char *, int, size_t);
__attribute__((format(printf, 2, 3))) int fprintf(FILE *, const char *, ...);
__attribute__((format(printf, 2, 3))) int sprintf(char *, const char *, ...);
__attribute__((format(printf, 3, 4))) int snprintf(char *, size_t, const char *, ...);
int vsnprintf(char *, size_t, const char *, va_list);
__attribute__((format(scanf, 2, 3))) int sscanf(const char *, const char *, ...);
__attribute__((format(scanf, 2, 3))) int fscanf(FILE *, const char *, ...);
void perror(const char *);

void *malloc(size_t);
void *calloc(size_t, size_t);
void free(void *);
__attribute__((noreturn)) void exit(int);
void qsort(void *, size_t, size_t, int (*)(const void *, const void *));
double strtod(const char *, char **);

void *memcpy(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
int strcmp(const char *, const char *);
char *strdup(const char *);
size_t strlen(const char *);

double atan2(double, double);
double cos(double);
double exp(double);
double hypot(double, double);
double log(double);
double sin(double);
#define M_PI 3.14159265358979323846
#define NAN __builtin_nan("")
#define INFINITY __builtin_inf()
#define isfinite(x) __builtin_isfinite(x)
#define fabs(x) __builtin_fabs(x)
#define floor(x) __builtin_floor(x)
double fmax(double, double);
double fmin(double, double);

typedef long time_t; /* also where a long has 32 bits */
struct timespec {
    time_t tv_sec;
    long tv_nsec;
};
#define CLOCK_MONOTONIC 1
#define TIMER_ABSTIME 1
int clock_getres(int, struct timespec *);
int clock_gettime(int, struct timespec *);
int clock_nanosleep(int, int, const struct timespec *, struct timespec *);
time_t time(time_t *);

struct timeval {
    long tv_sec, tv_usec;
};
struct rusage {
    struct timeval ru_utime, ru_stime;
    long ru_maxrss, more[13];
};
#define RUSAGE_SELF 0
int getrusage(int, struct rusage *);

#define SIGINT 2
#define SIGALRM 14
#define SIGTERM 15
void (*signal(int, void (*)(int)))(int);
unsigned int alarm(unsigned int);

#define O_WRONLY 01
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_CLOEXEC 02000000
int open(const char *, int, ...);
typedef long ssize_t;
ssize_t write(int, const void *, size_t);
int fdatasync(int);
int getpid(void);
__attribute__((noreturn)) void _exit(int);

#if defined(__LP64__)
#define RTLD_NOW 2
#else
#define RTLD_NOW 0
#endif
#define RTLD_LOCAL 0
void *dlopen(const char *, int);
void *dlsym(void *, const char *);
char *dlerror(void);

#endif
