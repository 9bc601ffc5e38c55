/* The runner's way to LiteRT, for Kotlin: what com.example.blazeface.NativeModel calls. Anything that fails ends the process. */
#include <jni.h>
#include <stdlib.h>

#include "litert.h"
#include "model.h"
#include "record.h"

JNIEXPORT jlong JNICALL Java_com_example_blazeface_NativeModel_open(JNIEnv *jni, jobject self, jstring library, jstring model) {
    (void)self;
    static LiteRt api;
    Model *opened = malloc(sizeof *opened);
    const char *library_path = (*jni)->GetStringUTFChars(jni, library, NULL);
    const char *model_path = (*jni)->GetStringUTFChars(jni, model, NULL);
    record_open("/dev/stderr");
    const char *wrong = litert_load(&api, library_path);
    if (wrong != NULL) record_fail(EXIT_LIBRARY, "no-library", "%s", wrong);
    const Options options = {.library = "", .log = "/dev/null", .threads = 1};
    int status = model_open(opened, &api, &options, model_path, "landmarks", false);
    if (status != 0) record_fail(EXIT_BACKEND, "backend-refused", "%s", litert_status(status));
    (*jni)->ReleaseStringUTFChars(jni, library, library_path);
    (*jni)->ReleaseStringUTFChars(jni, model, model_path);
    return (jlong)(intptr_t)opened;
}

/* Runs on `input`, and fills `predictions`: the landmarks' numbers, then the presence. */
JNIEXPORT void JNICALL Java_com_example_blazeface_NativeModel_run(JNIEnv *jni, jobject self, jlong handle, jfloatArray input,
                                                                  jfloatArray predictions) {
    (void)self;
    Model *m = (Model *)(intptr_t)handle;
    (*jni)->GetFloatArrayRegion(jni, input, 0, (jsize)m->input_numbers[0], m->host_input[0]);
    model_run(m);
    jsize count = (*jni)->GetArrayLength(jni, predictions);
    (*jni)->SetFloatArrayRegion(jni, predictions, 0, count, model_predictions(m, 1, (size_t)count - 1, 1));
}
