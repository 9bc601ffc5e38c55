#include "pipeline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

/* ---- reading ---- */

static void need(bool good, const char *what) {
    if (!good) record_fail(EXIT_USAGE, "bad-pipeline", "the pipeline's description: %s", what);
}

static void read_numbers(FILE *file, const char *name, int count, double *to) {
    for (int i = 0; i < count; i++) need(fscanf(file, "%lf", &to[i]) == 1 && isfinite(to[i]), name);
}

static Input input_of(const double *n) { return (Input){(int)n[0], (int)n[1], n[2], n[3]}; }
static Rule rule_of(const double *n) { return (Rule){(int)n[0], (int)n[1], n[2]}; }

static void read_description(Pipeline *p, const char *path) {
    FILE *file = fopen(path, "r");
    need(file != NULL, "it cannot be opened");
    char name[32];
    for (double n[4]; fscanf(file, "%31s", name) == 1;) {
#define IS(key, count) (strcmp(name, key) == 0 && (read_numbers(file, key, count, n), true))
        if (IS("frame", 2)) p->frame.width = (int)n[0], p->frame.height = (int)n[1];
        else if (IS("points", 1)) p->sampling = n[0] != 0 ? SAMPLING_POINT : SAMPLING_AREA;
        else if (IS("detector", 4)) p->detector = input_of(n);
        else if (IS("landmarker", 4)) p->landmarker = input_of(n);
        else if (IS("keypoints", 1)) p->keypoints = (int)n[0];
        else if (IS("landmarks", 1)) p->landmarks = (int)n[0];
        else if (IS("box_scale", 1)) p->box_scale = n[0];
        else if (IS("score_clip", 1)) p->score_clip = n[0];
        else if (IS("minimum_score", 1)) p->minimum_score = n[0];
        else if (IS("blending_iou", 1)) p->blending_iou = n[0];
        else if (IS("minimum_presence", 1)) p->minimum_presence = n[0];
        else if (IS("association_iou", 1)) p->association_iou = n[0];
        else if (IS("extra_candidates", 1)) p->extra_candidates = (int)n[0];
        else if (IS("detection_roi", 3)) p->detection_region = rule_of(n);
        else if (IS("landmark_roi", 3)) p->landmark_region = rule_of(n);
        else if (IS("grid", 3)) {
            need(p->grids < MAXIMUM_GRIDS, "too many grids");
            for (int i = 0; i < 3; i++) p->grid[p->grids][i] = (int)n[i];
            p->grids++;
        } else need(false, "an unknown name");
#undef IS
    }
    fclose(file);
    need(p->frame.width > 0 && p->frame.height > 0 && p->detector.width > 0 && p->landmarker.width > 0, "no sizes");
    need(p->grids > 0 && p->keypoints > 0 && p->keypoints <= MAXIMUM_KEYPOINTS && p->landmarks > 0, "no counts");
    need(p->extra_candidates >= 0 && p->extra_candidates < MAXIMUM_CANDIDATES, "too many candidates a frame");
    need(p->detection_region.from < p->keypoints && p->detection_region.to < p->keypoints, "no such keypoint");
    need(p->landmark_region.from < p->landmarks && p->landmark_region.to < p->landmarks, "no such landmark");
}

void pipeline_load(Pipeline *p, const Options *o) {
    *p = (Pipeline){.steady = o->steady};
    read_description(p, o->pipeline);
    size_t size = (size_t)p->frame.width * (size_t)p->frame.height * 3;
    uint8_t *pixels = malloc(size);
    FILE *file = fopen(o->frame, "rb");
    need(file != NULL && pixels != NULL && fread(pixels, 1, size, file) == size && fgetc(file) == EOF, "the frame's size");
    fclose(file);
    p->frame.pixels = pixels;
    p->points = calloc((size_t)p->landmarks * 3, sizeof *p->points);
    need(p->points != NULL, "out of memory");
}

/* ---- from raw outputs to a face ---- */

static int anchors_of(const int grid[3]) { return grid[0] * grid[1] * grid[2]; }

static bool decode_one(const Pipeline *p, const float *row, double centre_x, double centre_y, Detection *d) {
    for (int i = 0; i < 4 + 2 * p->keypoints; i++)
        if (!isfinite(row[i])) return false;
    if (row[2] < 0 || row[3] < 0) return false;
    double x = row[0] / p->box_scale + centre_x, y = row[1] / p->box_scale + centre_y;
    double half_width = row[2] / p->box_scale / 2, half_height = row[3] / p->box_scale / 2;
    d->left = x - half_width, d->right = x + half_width, d->top = y - half_height, d->bottom = y + half_height;
    for (int k = 0; k < p->keypoints; k++) {
        d->keypoints[k][0] = row[4 + 2 * k] / p->box_scale + centre_x;
        d->keypoints[k][1] = row[5 + 2 * k] / p->box_scale + centre_y;
    }
    return true;
}

/* Decodes what passes the threshold into `found`, relative to the input; returns how many. */
static int decode(const Pipeline *p, Model *m, Detection *found) {
    int count = 0, numbers = 4 + 2 * p->keypoints, anchors = 0;
    for (int g = 0; g < p->grids; g++) anchors += anchors_of(p->grid[g]);
    const float *row = model_predictions(m, (size_t)anchors, (size_t)numbers, 1);
    double least = -log(1 / p->minimum_score - 1) - 1e-3; /* spares most anchors the exponential */
    for (int g = 0; g < p->grids; g++) {
        int columns = p->grid[g][0], lines = p->grid[g][1], per_cell = p->grid[g][2];
        for (int i = 0; i < anchors_of(p->grid[g]) && count < MAXIMUM_ANCHORS; i++, row += numbers + 1) {
            double logit = row[numbers];
            if (!(logit >= least)) continue;
            Detection *d = &found[count];
            d->score = (float)(1 / (1 + exp(-fmin(fmax(logit, -p->score_clip), p->score_clip))));
            int cell = i / per_cell;
            if (d->score >= (float)p->minimum_score &&
                decode_one(p, row, (cell % columns + 0.5) / columns, (cell / columns + 0.5) / lines, d))
                count++;
        }
    }
    return count;
}

static double overlap(const Detection *a, const Detection *b) {
    double width = fmin(a->right, b->right) - fmax(a->left, b->left);
    double height = fmin(a->bottom, b->bottom) - fmax(a->top, b->top);
    double common = fmax(width, 0) * fmax(height, 0);
    double both = (a->right - a->left) * (a->bottom - a->top) + (b->right - b->left) * (b->bottom - b->top) - common;
    return both > 0 ? common / both : 0;
}

/* Takes the best face out of `found`: the mean, weighted by score, of the best candidate and all that overlap it. */
static Detection take_best(const Pipeline *p, Detection *found, int *count) {
    int kept = 0, left = *count;
    Detection first = found[0], *best = &first;
    for (int i = 1; i < left; i++)
        if (found[i].score > best->score) first = found[i];
    Detection sum = {.score = best->score};
    double weights = 0;
    for (int i = 0; i < left; i++) {
        const Detection *d = &found[i];
        if (memcmp(d, best, sizeof *d) != 0 && !(overlap(best, d) > p->blending_iou)) {
            found[kept++] = *d;
            continue;
        }
        weights += d->score;
        sum.left += d->score * d->left, sum.right += d->score * d->right;
        sum.top += d->score * d->top, sum.bottom += d->score * d->bottom;
        for (int k = 0; k < p->keypoints; k++)
            for (int c = 0; c < 2; c++) sum.keypoints[k][c] += d->score * d->keypoints[k][c];
    }
    sum.left /= weights, sum.right /= weights, sum.top /= weights, sum.bottom /= weights;
    for (int k = 0; k < p->keypoints; k++)
        for (int c = 0; c < 2; c++) sum.keypoints[k][c] /= weights;
    *count = kept;
    return sum;
}

/* Takes a face from the input's unit to pixels of the frame, of which `region` is upright. */
static void project(const Pipeline *p, Detection *d, Region region) {
    double x = region.x - region.width / 2, y = region.y - region.height / 2;
    d->left = d->left * region.width + x, d->right = d->right * region.width + x;
    d->top = d->top * region.height + y, d->bottom = d->bottom * region.height + y;
    for (int k = 0; k < p->keypoints; k++) {
        d->keypoints[k][0] = d->keypoints[k][0] * region.width + x;
        d->keypoints[k][1] = d->keypoints[k][1] * region.height + y;
    }
}

/* The square around a box, turned so that the line between two points is level. */
static Region square(double left, double top, double right, double bottom, const double *from, const double *to,
                     double scale) {
    double side = scale * fmax(right - left, bottom - top);
    return (Region){(left + right) / 2, (top + bottom) / 2, side, side, atan2(to[1] - from[1], to[0] - from[0])};
}

/* What association goes by: the intersection over union of two regions, both taken upright. */
static double similarity(const Region *a, const Region *b) {
    double width = fmin(a->x + a->width / 2, b->x + b->width / 2) - fmax(a->x - a->width / 2, b->x - b->width / 2);
    double height = fmin(a->y + a->height / 2, b->y + b->height / 2) - fmax(a->y - a->height / 2, b->y - b->height / 2);
    double common = fmax(width, 0) * fmax(height, 0), both = a->width * a->height + b->width * b->height - common;
    return both > 0 ? common / both : 0;
}

static bool is_refused(const Pipeline *p, const Region *region) {
    for (int i = 0; i < p->refusals; i++)
        if (similarity(&p->refused[i], region) > p->association_iou) return true;
    return false;
}

/* Finds the candidates of the frame: those that were never refused first, each part best first. */
static Timing detect(Pipeline *p, Model *m) {
    static Detection found[MAXIMUM_ANCHORS];
    Region all = image_letterbox(&p->frame, &p->detector);
    image_sample(&p->frame, all, &p->detector, EDGE_BLACK, p->sampling, m->host_input[0], m->input_is_bytes[0]);
    Timing timing = model_run(m);
    int count = decode(p, m, found), late = 0;
    if (count == 0) record_fail(EXIT_RUN, "no-face", "the detector found no face in the frame");
    Candidate again[MAXIMUM_CANDIDATES];
    for (p->candidates = 0; count > 0 && p->candidates < MAXIMUM_CANDIDATES;) {
        Candidate c = {.face = take_best(p, found, &count)};
        Detection *d = &c.face;
        project(p, d, all);
        c.region = square(d->left, d->top, d->right, d->bottom, d->keypoints[p->detection_region.from],
                          d->keypoints[p->detection_region.to], p->detection_region.scale);
        if (!is_refused(p, &c.region)) p->candidate[p->candidates++] = c;
        else if (late < MAXIMUM_CANDIDATES) again[late++] = c;
    }
    for (int i = 0; i < late && p->candidates < MAXIMUM_CANDIDATES; i++) p->candidate[p->candidates++] = again[i];
    return timing;
}

/* ---- the landmark model on the crop ---- */

/* Runs the model on `next`, and makes it the region; `is_there` tells whether it holds a face. */
static Timing follow(Pipeline *p, Model *m, bool *is_there) {
    Region r = p->region = p->next;
    image_sample(&p->frame, r, &p->landmarker, EDGE_NEAREST, p->sampling, m->host_input[0], m->input_is_bytes[0]);
    Timing timing = model_run(m);
    const float *raw = model_predictions(m, 1, (size_t)p->landmarks * 3, 1);
    if (!model_outputs_finite(m)) record_fail(EXIT_RUN, "not-finite", "an output is not a finite number");
    p->presence = 1 / (1 + exp(-(double)raw[3 * p->landmarks]));
    *is_there = p->presence > p->minimum_presence;
    if (!*is_there) return timing;
    double cosine = cos(r.radians), sine = sin(r.radians);
    double left = INFINITY, top = INFINITY, right = -INFINITY, bottom = -INFINITY;
    for (int i = 0; i < p->landmarks; i++) {
        double *point = p->points + 3 * i;
        double across = (raw[3 * i] / p->landmarker.width - 0.5) * r.width;
        double down = (raw[3 * i + 1] / p->landmarker.height - 0.5) * r.height;
        point[0] = r.x + across * cosine - down * sine;
        point[1] = r.y + across * sine + down * cosine;
        point[2] = raw[3 * i + 2] / p->landmarker.width * r.width;
        left = fmin(left, point[0]), right = fmax(right, point[0]);
        top = fmin(top, point[1]), bottom = fmax(bottom, point[1]);
    }
    p->next = square(left, top, right, bottom, p->points + 3 * p->landmark_region.from,
                     p->points + 3 * p->landmark_region.to, p->landmark_region.scale);
    return timing;
}

Timing pipeline_run(Pipeline *p, Model *detector, Model *landmarker) {
    int64_t start = now();
    Timing timing = {0, 0};
    bool is_there = false;
    if (p->steady && p->is_following) {
        timing.run += follow(p, landmarker, &is_there).run;
    } else {
        timing.run += detect(p, detector).run;
        for (int i = 0; i < p->candidates && i <= p->extra_candidates && !is_there; i++) {
            p->face = p->candidate[i].face, p->next = p->candidate[i].region;
            timing.run += follow(p, landmarker, &is_there).run;
            if (!is_there && p->refusals < MAXIMUM_CANDIDATES && !is_refused(p, &p->region))
                p->refused[p->refusals++] = p->region;
        }
    }
    if (!is_there) record_fail(EXIT_RUN, "no-face", "the landmark model finds no face: presence %.3f", p->presence);
    p->is_following = true;
    timing.total = now() - start;
    return timing;
}

void pipeline_dump(const Pipeline *p, const Options *o) {
    FILE *file = fopen(o->dump, "w");
    if (file == NULL) record_fail(EXIT_OUTPUT, "bad-output", "%s cannot be written", o->dump);
    const Detection *d = &p->face;
    const Region *r = &p->region;
    fprintf(file, "{\"score\":%.9g,\"box\":[%.9g,%.9g,%.9g,%.9g],\"keypoints\":[", d->score, d->left, d->top,
            d->right - d->left, d->bottom - d->top);
    for (int k = 0; k < p->keypoints; k++)
        fprintf(file, "%s[%.9g,%.9g]", k ? "," : "", d->keypoints[k][0], d->keypoints[k][1]);
    fprintf(file, "],\"center\":[%.9g,%.9g],\"side\":%.9g,\"radians\":%.9g,\"presence\":%.9g,\"landmarks\":[", r->x, r->y,
            r->width, r->radians, p->presence);
    for (int i = 0; i < p->landmarks; i++)
        fprintf(file, "%s[%.9g,%.9g,%.9g]", i ? "," : "", p->points[3 * i], p->points[3 * i + 1], p->points[3 * i + 2]);
    fprintf(file, "]}\n");
    if (fclose(file) != 0) record_fail(EXIT_OUTPUT, "bad-output", "%s cannot be written", o->dump);
}
