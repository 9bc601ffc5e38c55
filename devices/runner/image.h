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

/* Where a region is reduced by more than 1.5: four texels a pixel, as MediaPipe does, or the mean of all. */
typedef enum { SAMPLING_AREA, SAMPLING_POINT } Sampling;

/* Samples `region` into `out`, corner to corner and without a half-pixel shift: floats in the range of `to`, or the
 * nearest bytes. With EDGE_BLACK the region is that of image_letterbox. */
void image_sample(const Image *image, Region region, const Input *to, Edge edge, Sampling sampling, void *out, bool bytes);

#endif
