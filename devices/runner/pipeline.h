/* A face tracker's frames: a detector, a landmark model, and what lies between them. The reference is sdkgen/tracking.
 *
 * A steady frame is the crop where the face was, and the landmark model on it, which tells the next frame's crop. The
 * worst frame begins anew: the whole image through the detector, its outputs to a face, the face's crop, the landmark
 * model. Everything that describes the two models is read from a file that the host makes of their specifications. */
#ifndef SDKGEN_RUNNER_PIPELINE_H
#define SDKGEN_RUNNER_PIPELINE_H

#include "image.h"
#include "model.h"
#include "options.h"

enum { MAXIMUM_GRIDS = 8, MAXIMUM_KEYPOINTS = 16, MAXIMUM_ANCHORS = 65536, MAXIMUM_CANDIDATES = 16 };

/* How a region is made of points: two that are turned level, and how far the square reaches beyond the box. */
typedef struct {
    int from, to;
    double scale;
} Rule;

typedef struct {
    double score, left, top, right, bottom, keypoints[MAXIMUM_KEYPOINTS][2];
} Detection;

typedef struct {
    Detection face;
    Region region;
} Candidate;

typedef struct {
    Image frame;
    Input detector, landmarker;
    Sampling sampling;
    int grids, grid[MAXIMUM_GRIDS][3]; /* columns, rows, anchors a cell */
    int keypoints, landmarks;
    double box_scale, score_clip, minimum_score, blending_iou, minimum_presence, association_iou;
    Rule detection_region, landmark_region;
    int extra_candidates; /* how many are tried beyond the one that is wanted, where some prove to be none */
    bool steady, is_following;
    int candidates, refusals;
    Candidate candidate[MAXIMUM_CANDIDATES]; /* of the last frame that was searched, in the order to try them */
    Region refused[MAXIMUM_CANDIDATES];      /* where the landmark model found none; they are tried last */
    Detection face;      /* the last one detected; relative to the frame's pixels */
    Region region, next; /* the crop of the last frame, and the one it tells for the next */
    double presence;
    double *points; /* landmarks × x, y, z in the frame's pixels */
} Pipeline;

/* Reads the description and the frame that the options name; ends the process where they cannot be used. */
void pipeline_load(Pipeline *pipeline, const Options *options);

/* One frame, timed: `run` is what the models took, `total` everything. Ends the process if the face is lost. */
Timing pipeline_run(Pipeline *pipeline, Model *detector, Model *landmarker);

/* Writes what the last frame held, as JSON, to the file that the options name. */
void pipeline_dump(const Pipeline *pipeline, const Options *options);

#endif
