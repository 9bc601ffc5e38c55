// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import java.io.ByteArrayInputStream
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** Starting both models: each has its own ladder, self-test and files. */
@RunWith(RobolectricTestRunner::class)
class TrackerStartupTest {
    @Test
    fun `both models run on the GPU where it works`() {
        val fakes = TrackFakes()
        fakes.create().use {
            assertEquals(Backend.GPU, it.activeBackend)
            assertEquals(Precision.FP16, it.detectorStartup.activePrecision)
            assertEquals(Precision.FP16, it.landmarkStartup.activePrecision)
            assertTrue(it.backendReason, it.backendReason.startsWith("landmarks: the GPU passed the self-test; detector: "))
            val caches = fakes.engines.requests.map(EngineRequest::kernelCache)
            assertEquals("each model has a folder of its own", 2, caches.toSet().size)
            assertTrue(caches.all { cache -> cache != null && cache.isDirectory })
        }
    }

    @Test
    fun `wrong landmarks step down the landmark model's ladder only`() {
        val fakes = TrackFakes(
            landmarker = { request ->
                when {
                    request.backend == Backend.CPU || request.precision == Precision.FP32 -> TrackFakes.landmarks()
                    request.precision == Precision.FP16 -> TrackFakes.spoiled { it + 5 }
                    else -> TrackFakes.spoiled { Float.NaN }
                }
            },
        )
        fakes.create().use {
            assertEquals(Precision.FP16, it.detectorStartup.activePrecision)
            assertEquals(Precision.FP32, it.landmarkStartup.activePrecision)
            assertEquals(
                listOf(StartOutcome.WRONG_NUMBERS, StartOutcome.WRONG_NUMBERS, StartOutcome.STARTED),
                it.landmarkStartup.attempts.map(StartAttempt::outcome),
            )
            assertTrue(it.backendReason, it.backendReason.contains("at landmark 0"))
        }
    }

    @Test
    fun `a wrong presence is found, a deviation within the tolerance is not`() {
        for ((offset, outcome) in listOf(0.4f to StartOutcome.STARTED, 0.6f to StartOutcome.WRONG_NUMBERS)) {
            val shifted = { TrackFakes.landmarks().also { it.predictions[LandmarkModel.PRESENCE] += offset } }
            val fakes = TrackFakes(landmarker = { if (it.backend == Backend.GPU) shifted() else TrackFakes.landmarks() })
            val directory = java.nio.file.Files.createTempDirectory("kernels").toFile()
            fakes.create(FaceTrackerOptions(kernelCacheDirectory = directory)).use {
                assertEquals(outcome, it.landmarkStartup.attempts[0].outcome)
            }
            directory.deleteRecursively()
        }
    }

    @Test
    fun `a landmark model that cannot start leaves no detector behind`() {
        val fakes = TrackFakes(landmarker = { throw IllegalStateException("out of memory") })
        val error = assertThrows(BackendException::class.java) { fakes.create() }
        assertTrue(error.message.orEmpty(), error.message.orEmpty().contains("out of memory"))
        assertTrue(fakes.engines.engines.single().closed)
    }

    @Test
    fun `a missing, damaged or swapped landmark model or test is refused`() {
        assertThrows(ModelException::class.java) { TrackFakes().create(open = Fakes::missing) }
        for (name in listOf(LandmarkModel.ASSET, LandmarkModel.SELF_TEST_ASSET)) {
            val damaged = { asset: String ->
                val bytes = Fakes.open(asset).readBytes()
                if (asset == name) bytes[bytes.size / 2] = (bytes[bytes.size / 2] + 1).toByte()
                ByteArrayInputStream(bytes)
            }
            assertThrows(ModelException::class.java) { TrackFakes().create(open = damaged) }
        }
        val swapped = { asset: String -> Fakes.open(if (asset == LandmarkModel.ASSET) Model.ASSET else asset) }
        assertThrows(ModelException::class.java) { TrackFakes().create(open = swapped) }
    }

    @Test
    fun `a self-test of another model is refused`() {
        val bytes = Fakes.open(Model.SELF_TEST_ASSET).readBytes()
        assertThrows(ModelException::class.java) { LandmarkSelfTest.read(bytes) }
        val short = Fakes.open(LandmarkModel.SELF_TEST_ASSET).readBytes().copyOf(1000)
        assertThrows(ModelException::class.java) { LandmarkSelfTest.read(short) }
    }

    @Test
    fun `options out of range are refused`() {
        assertThrows(InvalidOptionException::class.java) { FaceTrackerOptions(RunningMode.IMAGE) }
        assertThrows(InvalidOptionException::class.java) { FaceTrackerOptions(maximumFaces = 0) }
        assertThrows(InvalidOptionException::class.java) { FaceTrackerOptions(minimumScore = 0f) }
        assertThrows(InvalidOptionException::class.java) { Smoothing(minimumCutoff = 0.0) }
        for (wrong in listOf(-1.0, 1.1e6, Double.POSITIVE_INFINITY, Double.NaN)) {
            assertThrows(InvalidOptionException::class.java) { Smoothing(minimumCutoff = wrong) }
            assertThrows(InvalidOptionException::class.java) { Smoothing(beta = wrong) }
            assertThrows(InvalidOptionException::class.java) { Smoothing(derivativeCutoff = wrong) }
        }
        assertEquals(1e6, Smoothing(1e6, 1e6, 1e6).beta, 0.0)
        assertEquals(0.0, Smoothing(beta = 0.0).beta, 0.0)
        val options = FaceTrackerOptions.Builder().setMaximumFaces(3).setSmoothing(Smoothing(beta = 2.0)).build()
        assertEquals(3, options.maximumFaces)
        assertEquals(2.0, checkNotNull(options.smoothing).beta, 0.0)
    }

    @Test
    fun `both engines live on one thread, which is not the caller's`() {
        val fakes = TrackFakes()
        fakes.create().use { it.track(Pixels.frame(), 1) }
        val threads = fakes.engines.engines.flatMap { it.threads }.toSet()
        assertEquals(1, threads.size)
        assertFalse(Thread.currentThread() in threads)
        assertTrue(fakes.engines.engines.all { it.closed })
    }
}
