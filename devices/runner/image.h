/* Regions of a photograph, sampled into a model's input. The reference is sdkgen/detection/preprocess.py. */
#ifndef SDKGEN_RUNNER_IMAGE_H
#define SDKGEN_RUNNER_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

/* Upright RGB bytes, rows from the top, without gaps. */
typedef struct {
    int width, height;
    const uint8_t *pixels;
} Image;

/* A rectangle of an image, in pixels, turned clockwise about its centre. */
typedef struct {
    double x, y, width, height, radians;
} Region;

/* What a model takes: width × height RGB in float32, where byte 0 is `minimum` and byte 255 is `maximum`. */
typedef struct {
    int width, height;
    double minimum, maximum;
} Input;

/* The centred region that holds all of the image and has the input's aspect ratio. */
Region image_letterbox(const Image *image, const Input *to);

/* What stands in for texels outside the image: black, as in a letterbox, or the image's nearest one. */
typedef enum { EDGE_BLACK, EDGE_NEAREST } Edge;

/* Samples `region` into `out`, bilinear, corner to corner and without a half-pixel shift: floats in the range of `to`, or the
 * nearest bytes. */
void image_sample(const Image *image, Region region, const Input *to, Edge edge, void *out, bool bytes);

#endif
