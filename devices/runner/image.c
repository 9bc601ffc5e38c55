#include "image.h"

#include <math.h>
#include <stddef.h>

Region image_letterbox(const Image *image, const Input *to) {
    double pixels = fmax((double)image->width / to->width, (double)image->height / to->height);
    return (Region){image->width / 2.0, image->height / 2.0, to->width * pixels, to->height * pixels, 0};
}

/* Adds a texel's bytes times `share`; a texel outside adds nothing, as black does. */
static void add(const Image *image, int x, int y, float share, float sum[3]) {
    if (x < 0 || y < 0 || x >= image->width || y >= image->height) return;
    const uint8_t *texel = image->pixels + ((size_t)y * (size_t)image->width + (size_t)x) * 3;
    for (int c = 0; c < 3; c++) sum[c] += share * texel[c];
}

/* Blends the four texels around (x, y), which lies less than a texel outside the image at most. */
static void blend(const Image *image, double x, double y, float sum[3]) {
    /* Truncation is what floor is, above -1, and takes no call. */
    int left = (int)(x + 1) - 1, top = (int)(y + 1) - 1;
    float right = (float)(x - left), low = (float)(y - top);
    float shares[4] = {(1 - right) * (1 - low), right * (1 - low), (1 - right) * low, right * low};
    if (left >= 0 && top >= 0 && left + 1 < image->width && top + 1 < image->height) {
        const uint8_t *upper = image->pixels + ((size_t)top * (size_t)image->width + (size_t)left) * 3;
        const uint8_t *lower = upper + (size_t)image->width * 3;
        for (int c = 0; c < 3; c++)
            sum[c] = shares[0] * upper[c] + shares[1] * upper[c + 3] + shares[2] * lower[c] + shares[3] * lower[c + 3];
        return;
    }
    for (int i = 0; i < 4; i++) add(image, left + i % 2, top + i / 2, shares[i], sum);
}

void image_sample(const Image *image, Region region, const Input *to, float *out) {
    double cosine = cos(region.radians) * region.width / to->width, sine = sin(region.radians) * region.width / to->width;
    double cosine_down = cos(region.radians) * region.height, sine_down = sin(region.radians) * region.height;
    float scale = (float)((to->maximum - to->minimum) / 255.0), minimum = (float)to->minimum;
    for (int row = 0; row < to->height; row++) {
        double down = (double)row / to->height - 0.5, middle = to->width / 2.0;
        double x_start = region.x - down * sine_down - middle * cosine;
        double y_start = region.y + down * cosine_down - middle * sine;
        for (int column = 0; column < to->width; column++, out += 3) {
            double x = x_start + column * cosine, y = y_start + column * sine;
            float sum[3] = {0, 0, 0};
            /* Farther outside there is nothing but black; and a number there may not fit into an int. */
            if (x > -1 && y > -1 && x < image->width && y < image->height) blend(image, x, y, sum);
            for (int c = 0; c < 3; c++) out[c] = sum[c] * scale + minimum;
        }
    }
}
