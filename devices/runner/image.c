#include "image.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "area.h"

enum {
    CHUNK = 64, /* pixels that are gathered one by one, then mixed in a loop that compilers make vector code of */
    AHEAD = 2,  /* lines of the input between the one that is gathered and the one whose texels are sent for */
    EVERY = 4   /* pixels for which texels are sent for once: processors load more than one at a time */
};

#ifdef __GNUC__
#define SEND_FOR(address) __builtin_prefetch(address)
#else
#define SEND_FOR(address) ((void)(address))
#endif

static const double FAR = 1e7;          /* pixels: beyond any image all is edge, and positions still fit */
static const double ONE = 4294967296.0; /* a texel in the unit of positions, 2^-32 texels */

/* Positions in 2^-32 texels: the next pixel's, and how far a pixel of the input is. Shifts to the right floor them. */
typedef struct {
    int64_t x, y, across, down;
} Walk;

/* Two texels side by side: red, green, blue, red, green, blue from the lowest byte up, and two bytes of no account. */
typedef uint64_t Pair;

/* The pairs above and below each pixel, each pair as its lower and its upper four bytes. */
typedef struct {
    uint32_t upper[2][CHUNK], lower[2][CHUNK];
} Texels;

Region image_letterbox(const Image *image, const Input *to) {
    double pixels = fmax((double)image->width / to->width, (double)image->height / to->height);
    return (Region){image->width / 2.0, image->height / 2.0, to->width * pixels, to->height * pixels, 0};
}

/* ---- gathering ---- */

/* Reads a pair; compilers make one load of it. */
static inline Pair pair(const uint8_t *p) {
    return (Pair)p[0] | (Pair)p[1] << 8 | (Pair)p[2] << 16 | (Pair)p[3] << 24 | (Pair)p[4] << 32 | (Pair)p[5] << 40 |
           (Pair)p[6] << 48 | (Pair)p[7] << 56;
}

/* Returns a texel that may lie outside. */
static Pair texel_at_edge(const Image *image, int64_t x, int64_t y, Edge edge) {
    int64_t last_x = image->width - 1, last_y = image->height - 1;
    if (edge == EDGE_BLACK && (x < 0 || y < 0 || x > last_x || y > last_y)) return 0;
    x = x < 0 ? 0 : x > last_x ? last_x : x;
    y = y < 0 ? 0 : y > last_y ? last_y : y;
    const uint8_t *p = image->pixels + (y * image->width + x) * 3;
    return (Pair)p[0] | (Pair)p[1] << 8 | (Pair)p[2] << 16;
}

static Pair pair_at_edge(const Image *image, int64_t x, int64_t y, Edge edge) {
    return texel_at_edge(image, x, y, edge) | texel_at_edge(image, x + 1, y, edge) << 24;
}

static inline void put(Texels *t, int i, Pair upper, Pair lower) {
    t->upper[0][i] = (uint32_t)upper, t->upper[1][i] = (uint32_t)(upper >> 32);
    t->lower[0][i] = (uint32_t)lower, t->lower[1][i] = (uint32_t)(lower >> 32);
}

static void gather_at_edge(const Image *image, Walk at, int count, Edge edge, Texels *t) {
    for (int i = 0; i < count; i++, at.x += at.across, at.y += at.down) {
        int64_t x = at.x >> 32, y = at.y >> 32;
        put(t, i, pair_at_edge(image, x, y, edge), pair_at_edge(image, x, y + 1, edge));
    }
}

/* Gathers where nothing lies outside, and sends for the texels that lie `ahead` bytes further on, for a later line. */
static void gather_inside(const Image *image, Walk at, int count, ptrdiff_t ahead, Texels *t) {
    const uint8_t *pixels = image->pixels;
    ptrdiff_t stride = (ptrdiff_t)image->width * 3;
    for (int i = 0; i < count; i++, at.x += at.across, at.y += at.down) {
        const uint8_t *first = pixels + (ptrdiff_t)(at.y >> 32) * stride + (ptrdiff_t)(at.x >> 32) * 3;
        if (i % EVERY == 0) {
            SEND_FOR(first + ahead);
            SEND_FOR(first + ahead + stride);
        }
        put(t, i, pair(first), pair(first + stride));
    }
}

/* Whether the four texels at a position lie in the image, with the two bytes that are read beyond the last of them. */
static bool inside(const Image *image, int64_t x, int64_t y) {
    return x >= 0 && y >= 0 && x >> 32 < image->width - 2 && y >> 32 < image->height - 1;
}

/* Gathers the next pixels of a line; `next_x` and `next_y` are how far it is to the input's next line. */
static void gather(const Image *image, Walk at, int64_t next_x, int64_t next_y, int count, Edge edge, Texels *t) {
    int64_t last_x = at.x + (count - 1) * at.across, last_y = at.y + (count - 1) * at.down;
    if (!inside(image, at.x, at.y) || !inside(image, last_x, last_y)) {
        gather_at_edge(image, at, count, edge, t);
        return;
    }
    int64_t columns = AHEAD * next_x >> 32, rows = AHEAD * next_y >> 32;
    int64_t x = columns * 4294967296, y = rows * 4294967296;
    ptrdiff_t ahead = (ptrdiff_t)(rows * image->width + columns) * 3;
    bool there = inside(image, at.x + x, at.y + y) && inside(image, last_x + x, last_y + y);
    gather_inside(image, at, count, there ? ahead : 0, t);
}

/* ---- mixing ---- */

/* Returns a pair's byte, 0 to 5. */
static inline float colour(const uint32_t pair[2][CHUNK], int i, int byte) {
    return (float)(int32_t)(pair[byte / 4][i] >> 8 * (byte % 4) & 0xff);
}

/* Returns one of three colours where a pixel lies; `right` and `low` are what the right and the lower texels count. */
static inline float mixed(const Texels *t, int i, int c, float right, float low) {
    float upper = colour(t->upper, i, c), lower = colour(t->lower, i, c);
    upper += (colour(t->upper, i, c + 3) - upper) * right;
    lower += (colour(t->lower, i, c + 3) - lower) * right;
    return upper + (lower - upper) * low;
}

/* Returns how far a position lies beyond its texel, 0 to 1. */
static inline float fraction(uint32_t position) { return (float)(int32_t)(position >> 8) * (1 / 16777216.0F); }

/* Mixes all pixels, those beyond the gathered ones too, so that the loop's length is known. */
static void mix(const Texels *t, Walk at, float scale, float minimum, float planes[3][CHUNK]) {
    uint32_t x = (uint32_t)at.x, y = (uint32_t)at.y, across = (uint32_t)at.across, down = (uint32_t)at.down;
    for (int i = 0; i < CHUNK; i++, x += across, y += down) {
        float right = fraction(x), low = fraction(y);
        for (int c = 0; c < 3; c++) planes[c][i] = mixed(t, i, c, right, low) * scale + minimum;
    }
}

static double near(double value) { return fmin(fmax(value, -FAR), FAR); }

static int64_t position(double texels) { return (int64_t)(texels * ONE); }

/* Samples four texels a pixel. */
static void sample_points(const Image *image, Region region, const Input *to, Edge edge, void *out, bool bytes) {
    double width = near(region.width), height = near(region.height), left = -0.5 * width;
    double cosine = cos(region.radians), sine = sin(region.radians);
    /* Half a byte more, so that what is cut off to a byte has been rounded. */
    float scale = bytes ? 1.0F : (float)((to->maximum - to->minimum) / 255.0), minimum = bytes ? 0.5F : (float)to->minimum;
    uint8_t *byte = out;
    float *number = out;
    int64_t next_x = position(-sine * height / to->height), next_y = position(cosine * height / to->height);
    Walk at = {.across = position(cosine * width / to->width), .down = position(sine * width / to->width)};
    Texels texels;
    memset(&texels, 0, sizeof texels);
    for (int row = 0; row < to->height; row++) {
        double down = ((double)row / to->height - 0.5) * height;
        at.x = position(near(region.x) + left * cosine - down * sine);
        at.y = position(near(region.y) + left * sine + down * cosine);
        for (int column = 0; column < to->width; column += CHUNK) {
            int count = to->width - column < CHUNK ? to->width - column : CHUNK;
            float planes[3][CHUNK];
            gather(image, at, next_x, next_y, count, edge, &texels);
            mix(&texels, at, scale, minimum, planes);
            for (int i = 0; i < count; i++)
                for (int c = 0; c < 3; c++) {
                    if (bytes) *byte++ = (uint8_t)planes[c][i];
                    else *number++ = planes[c][i];
                }
            at.x += count * at.across, at.y += count * at.down;
        }
    }
}

void image_sample(const Image *image, Region region, const Input *to, Edge edge, Sampling sampling, void *out, bool bytes) {
    Image seen = *image;
    if (sampling == SAMPLING_AREA) {
        if (edge == EDGE_BLACK && area_letterbox(image, to, out, bytes)) return;
        if (edge == EDGE_NEAREST) area_reduce(&seen, &region, to);
    }
    sample_points(&seen, region, to, edge, out, bytes);
}
