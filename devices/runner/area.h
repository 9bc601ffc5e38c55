/* Averages over the area that each pixel of a model's input covers. The reference is sdkgen/detection/area.py. */
#ifndef SDKGEN_RUNNER_AREA_H
#define SDKGEN_RUNNER_AREA_H

#include <stdbool.h>

#include "image.h"

/* Writes the letterbox of all of the image as image_sample does; false where it is not reduced enough for averages. */
bool area_letterbox(const Image *image, const Input *to, void *out, bool bytes);

/* Makes `image` and `region` the means of blocks of texels and a region among them, where the region is reduced enough.
 * The new image is valid until the next call. */
void area_reduce(Image *image, Region *region, const Input *to);

#endif
