#include "area.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

enum { MOST = 256, BITS = 7, CHANNELS = 3 };

static const double LEAST = 1.5; /* texels a pixel: from above this on averages are taken */

/* Memory that is kept, and grows with the largest image. */
typedef struct {
    void *bytes;
    size_t size;
} Buffer;

static void *take(Buffer *b, size_t size) {
    if (size > b->size) {
        free(b->bytes);
        b->bytes = malloc(size);
        if (b->bytes == NULL) record_fail(EXIT_RUN, "no-memory", "no memory for %zu bytes of an image", size);
        b->size = size;
    }
    return b->bytes;
}

/* ---- where the areas lie ---- */

/* An area along an axis, in texels of 1 << bits parts; none where the pixel does not show the image. */
typedef struct {
    int begin, end;
} Span;

static int64_t divided_down(int64_t value, int64_t by) { return value / by - (value % by < 0); }

/* Fills the areas of `count` pixels around the middle of `extent` texels, each `longest` / `cells` texels wide. */
static void lay(Span *spans, int count, int64_t extent, int64_t longest, int64_t cells, int bits) {
    for (int i = 0; i < count; i++) {
        int64_t middle = cells * (extent + 1) + longest * (2 * i - count); /* in units of 1 / (2 * cells) texels */
        if (middle < 0 || middle >= 2 * cells * extent) {
            spans[i] = (Span){0, 0};
            continue;
        }
        int64_t one = (int64_t)1 << bits, ends[2];
        for (int side = 0; side < 2; side++) {
            int64_t edge = divided_down((middle + (side ? longest : -longest)) * one + cells, 2 * cells);
            ends[side] = edge < 0 ? 0 : edge > extent * one ? extent * one : edge;
        }
        spans[i] = (Span){(int)ends[0], (int)ends[1]};
    }
}

/* How many parts of a texel lie in an area. */
static inline int parts(Span s, int texel, int bits) {
    int begin = texel << bits, end = (texel + 1) << bits;
    return (s.end < end ? s.end : end) - (s.begin > begin ? s.begin : begin);
}

/* ---- sums ---- */

/* Sums of rows. Where an area begins in the row in which the one before it ends, that row is read once: it goes into
 * `next` as well. */
typedef struct {
    uint16_t *now, *next;
    bool carried;
} Sums;

/* Sums an area's rows, which cannot overflow: it has 257 parts at most. `following` is the next area, which may be none. */
static void add_rows(const uint8_t *pixels, size_t width, Span span, Span following, int bits, Sums *s) {
    int row = span.begin >> bits, last = (span.end - 1) >> bits;
    if (s->carried) {
        uint16_t *now = s->next;
        s->next = s->now, s->now = now;
        row++;
    } else {
        memset(s->now, 0, width * sizeof *s->now);
    }
    s->carried = last >= row && following.end > following.begin && following.begin >> bits == last;
    uint16_t *restrict sums = s->now, *restrict next = s->next;
    while (row <= last) {
        const uint8_t *restrict a = pixels + (size_t)row * width;
        uint16_t part = (uint16_t)parts(span, row, bits);
        if (part == 1 << bits && row + 3 < last) { /* whole rows, four at a time: the sums are read and written less often */
            const uint8_t *restrict b = a + width, *restrict c = b + width, *restrict d = c + width;
            for (size_t i = 0; i < width; i++) sums[i] += (uint16_t)((uint16_t)(a[i] + b[i] + c[i] + d[i]) * part);
            row += 4;
            continue;
        }
        if (row == last && s->carried) {
            uint16_t share = (uint16_t)parts(following, row, bits);
            for (size_t i = 0; i < width; i++) {
                sums[i] += (uint16_t)(a[i] * part);
                next[i] = (uint16_t)(a[i] * share);
            }
        } else {
            for (size_t i = 0; i < width; i++) sums[i] += (uint16_t)(a[i] * part);
        }
        row++;
    }
}

static void add_columns(const uint16_t *sums, Span span, int bits, uint32_t total[CHANNELS]) {
    int first = span.begin >> bits, last = (span.end - 1) >> bits;
    uint32_t low = (uint32_t)parts(span, first, bits), high = (uint32_t)parts(span, last, bits);
    for (int c = 0; c < CHANNELS; c++) {
        uint32_t whole = 0;
        for (int texel = first + 1; texel < last; texel++) whole += sums[CHANNELS * texel + c];
        total[c] = (whole << bits) + low * sums[CHANNELS * first + c];
        if (last > first) total[c] += high * sums[CHANNELS * last + c];
    }
}

/* ---- letterbox ---- */

bool area_letterbox(const Image *image, const Input *to, void *out, bool bytes) {
    static Buffer kept_sums, kept_columns;
    bool wide = (int64_t)image->width * to->height >= (int64_t)image->height * to->width;
    int64_t longest = wide ? image->width : image->height, cells = wide ? to->width : to->height;
    if (!((double)longest > LEAST * (double)cells && longest <= MOST * cells)) return false;
    int bits = BITS;
    while (bits > 0 && longest << bits > MOST * cells) bits--;
    size_t width = (size_t)image->width * CHANNELS;
    uint16_t *memory = take(&kept_sums, 2 * width * sizeof *memory);
    Sums sums = {memory, memory + width, false};
    Span *columns = take(&kept_columns, (size_t)(to->width + to->height) * sizeof *columns), *rows = columns + to->width;
    lay(columns, to->width, image->width, longest, cells, bits);
    lay(rows, to->height, image->height, longest, cells, bits);
    float scale = bytes ? 1.0F : (float)((to->maximum - to->minimum) / 255.0), minimum = bytes ? 0.5F : (float)to->minimum;
    uint8_t *byte = out;
    float *number = out;
    for (int row = 0; row < to->height; row++) {
        bool there = rows[row].end > rows[row].begin;
        Span following = row + 1 < to->height ? rows[row + 1] : (Span){0, 0};
        if (there) add_rows(image->pixels, width, rows[row], following, bits, &sums);
        for (int column = 0; column < to->width; column++) {
            uint32_t total[CHANNELS] = {0, 0, 0};
            float share = 0;
            Span span = columns[column];
            if (there && span.end > span.begin) {
                add_columns(sums.now, span, bits, total);
                share = scale / ((float)(span.end - span.begin) * (float)(rows[row].end - rows[row].begin));
            }
            for (int c = 0; c < CHANNELS; c++) {
                float value = (float)total[c] * share + minimum;
                if (bytes) *byte++ = (uint8_t)value;
                else *number++ = value;
            }
        }
    }
    return true;
}

/* ---- crops ---- */

static int block_at(double middle, double side, int block, int last) {
    double at = floor((middle + side) / block);
    return at > 0 ? at < last ? (int)at : last : 0;
}

void area_reduce(Image *image, Region *region, const Input *to) {
    static Buffer kept_sums, kept_means;
    double texels = fmin(region->width / to->width, region->height / to->height);
    if (!(texels > LEAST)) return;
    int block = texels + 0.5 < MOST ? (int)(texels + 0.5) : MOST;
    double half = hypot(region->width, region->height) / 2 + 2.0 * block;
    int last_x = (image->width - 1) / block, last_y = (image->height - 1) / block;
    int left = block_at(region->x, -half, block, last_x), right = block_at(region->x, half, block, last_x);
    int top = block_at(region->y, -half, block, last_y), bottom = block_at(region->y, half, block, last_y);
    Image made = {right - left + 1, bottom - top + 1, NULL};
    uint16_t *sums = take(&kept_sums, (size_t)image->width * CHANNELS * sizeof *sums);
    uint8_t *means = take(&kept_means, (size_t)made.width * (size_t)made.height * CHANNELS), *mean = means;
    made.pixels = means;
    int begin = left * block, end = (right + 1) * block < image->width ? (right + 1) * block : image->width;
    for (int y = top; y <= bottom; y++) {
        int first = y * block, rows = image->height - first < block ? image->height - first : block;
        size_t width = (size_t)(end - begin) * CHANNELS;
        memset(sums, 0, width * sizeof *sums);
        for (int row = first; row < first + rows; row++) {
            const uint8_t *restrict a = image->pixels + ((size_t)row * (size_t)image->width + (size_t)begin) * CHANNELS;
            for (size_t i = 0; i < width; i++) sums[i] += a[i];
        }
        for (int x = 0; x < end - begin; x += block) {
            int columns = end - begin - x < block ? end - begin - x : block;
            uint32_t total[CHANNELS] = {0, 0, 0}, count = (uint32_t)(rows * columns);
            for (int i = x; i < x + columns; i++)
                for (int c = 0; c < CHANNELS; c++) total[c] += sums[CHANNELS * i + c];
            for (int c = 0; c < CHANNELS; c++) *mean++ = (uint8_t)((2 * total[c] + count) / (2 * count));
        }
    }
    double shift = (block - 1) / 2.0;
    region->x = (region->x - shift) / block - left, region->y = (region->y - shift) / block - top;
    region->width /= block, region->height /= block;
    *image = made;
}
