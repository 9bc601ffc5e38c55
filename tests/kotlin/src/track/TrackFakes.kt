// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Stand-ins for both models: the detector finds the face of its self-test, the landmark model says what that has. */
internal class TrackFakes(
    private val detector: (EngineRequest) -> FakeEngine = { Fakes.right() },
    private val landmarker: (EngineRequest) -> FakeEngine = { landmarks() },
) {
    val engines: FakeEngines = FakeEngines { if (isLandmarker(it)) landmarker(it) else detector(it) }

    fun requests(landmarks: Boolean): List<EngineRequest> = engines.requests.filter { isLandmarker(it) == landmarks }

    /** The engine that runs now. */
    fun engine(landmarks: Boolean): FakeEngine =
        engines.engines.last { (it.predictions.size == LandmarkModel.NUMBERS + 1) == landmarks }

    fun create(
        options: FaceTrackerOptions = FaceTrackerOptions(),
        open: (String) -> InputStream = Fakes::open,
    ): FaceTracker = FaceTracker.opening(Fakes.context, options, engines, open).blocking()

    companion object {
        fun isLandmarker(request: EngineRequest): Boolean = request.asset == LandmarkModel.ASSET

        fun landmarks(onRun: () -> Unit = {}): FakeEngine = FakeEngine(predictions(), onRun = onRun)

        /** The predictions that the landmark model's self-test expects. */
        fun predictions(): FloatArray {
            val data = ByteBuffer.wrap(Fakes.open(LandmarkModel.SELF_TEST_ASSET).readBytes()).order(ByteOrder.LITTLE_ENDIAN)
            data.position(20 + LandmarkModel.INPUT_NUMBERS)
            val presence = data.float
            return FloatArray(LandmarkModel.NUMBERS + 1) { if (it == LandmarkModel.PRESENCE) presence else data.float }
        }

        /** The same, far off in every landmark or not numbers at all. */
        fun spoiled(change: (Float) -> Float): FakeEngine = FakeEngine(
            predictions().also { for (i in 0 until LandmarkModel.NUMBERS) it[i] = change(it[i]) },
        )
    }
}
