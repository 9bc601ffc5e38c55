// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** Live streams: the newest frame wins, results and errors arrive, frames are free at once. */
@RunWith(RobolectricTestRunner::class)
class LiveStreamTest {
    private val results = CopyOnWriteArrayList<LiveResult>()
    private val errors = CopyOnWriteArrayList<FaceDetectorException>()
    private val listener = object : FaceListener {
        override fun onResult(result: LiveResult) {
            results += result
        }

        override fun onError(error: FaceDetectorException) {
            errors += error
        }
    }

    private fun options(backend: BackendPreference = BackendPreference.CPU) =
        FaceDetectorOptions(RunningMode.LIVE_STREAM, backend, listener = listener)

    @Test
    fun `the newest frame wins`() {
        val blocking = Fakes.Blocking()
        Fakes.create(FakeEngines { blocking.engine() }, options()).use { detector ->
            detector.detectAsync(Pixels.frame(), 1)
            blocking.entered.await()
            (2L..50L).forEach { detector.detectAsync(Pixels.frame(), it) }
            blocking.release.countDown()
            Fakes.await { results.size == 2 }
            assertEquals(listOf(1L, 50L), results.map(LiveResult::timestampMillis))
            assertTrue(results.all { it.faces.size == 1 && it.latencyMillis > 0 })
        }
    }

    @Test
    fun `results come as a flow`() = runBlocking {
        Fakes.create(FakeEngines(), options()).use { detector ->
            withTimeout(10_000) {
                val first = launch(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) {
                    assertEquals(7L, detector.results.first().timestampMillis)
                }
                detector.detectAsync(Pixels.frame(), 7)
                first.join()
            }
        }
    }

    @Test
    fun `a frame that is not newer, and one that cannot be read, is not looked at`() {
        Fakes.create(FakeEngines(), options()).use { detector ->
            detector.detectAsync(Pixels.frame(), 5)
            detector.detectAsync(Pixels.frame(), 5)
            detector.detectAsync(Pixels.frame(), 3)
            assertEquals(2, detector.lateFrames)
            repeat(10) { i ->
                val buffer = java.nio.ByteBuffer.allocate(64 * 48 * 4)
                val frame = Frame.rgba(64, 48, Plane(buffer, 64 * 4, 4))
                buffer.limit(16)
                assertThrows(InvalidFrameException::class.java) { detector.detectAsync(frame, 6L + i) }
            }
            detector.detectAsync(Pixels.frame(), 100)
            Fakes.await { results.any { it.timestampMillis == 100L } }
        }
    }

    @Test
    fun `a run that fails is told, and the stream goes on`() {
        var runs = 0
        val engines = FakeEngines { Fakes.right { check(runs++ != 1) { "hiccup" } } }
        Fakes.create(engines, options()).use { detector ->
            detector.detectAsync(Pixels.frame(), 1)
            Fakes.await { errors.size == 1 }
            detector.detectAsync(Pixels.frame(), 2)
            Fakes.await { results.size == 1 }
            assertTrue(errors.single() is InferenceException)
        }
    }

    @Test
    fun `a listener that throws is told of as uncaught, and the engine stays on its thread`() {
        val faulty = object : FaceListener {
            override fun onResult(result: LiveResult) {
                results += result
                if (result.timestampMillis == 1L) error("the app's own")
            }

            override fun onError(error: FaceDetectorException) = throw error
        }
        val engines = FakeEngines()
        Fakes.withUncaught { uncaught ->
            Fakes.create(engines, FaceDetectorOptions(RunningMode.LIVE_STREAM, listener = faulty)).use { detector ->
                detector.detectAsync(Pixels.frame(), 1)
                Fakes.await { uncaught.size == 1 }
                detector.detectAsync(Pixels.frame(), 2)
                Fakes.await { results.size == 2 }
            }
            assertEquals("the app's own", uncaught.single().message)
        }
        assertEquals(1, engines.engines.single().threads.size)
    }

    @Test
    fun `closing from the listener does not lock up`() {
        lateinit var detector: FaceDetector
        val closing = object : FaceListener {
            override fun onResult(result: LiveResult) {
                detector.close()
                results += result
            }

            override fun onError(error: FaceDetectorException) = throw error
        }
        val engines = FakeEngines()
        detector = Fakes.create(engines, FaceDetectorOptions(RunningMode.LIVE_STREAM, listener = closing))
        detector.detectAsync(Pixels.frame(), 1)
        Fakes.await { results.size == 1 }
        assertTrue(engines.engines.single().closed)
        detector.detectAsync(Pixels.frame(), 2)
        assertEquals("a late frame", 1, detector.lateFrames)
    }

    @Test
    fun `a camera whose clock is behind begins a new stream`() {
        Fakes.create(FakeEngines(), options()).use { detector ->
            for (millis in listOf(90_000L, 90_033L, 1_000L, 1_033L)) {
                detector.detectAsync(Pixels.frame(), millis)
                Fakes.await { results.lastOrNull()?.timestampMillis == millis }
            }
            assertEquals(0, detector.lateFrames)
        }
    }

    @Test
    fun `frames that end in an error, however many, leave room for the next`() {
        Fakes.create(FakeEngines(), options()).use { detector ->
            repeat(5) { i ->
                val frame = Pixels.exhausting()
                assertThrows(OutOfMemoryError::class.java) { detector.detectAsync(frame, 1L + i) }
            }
            detector.detectAsync(Pixels.frame(), 100)
            Fakes.await { results.any { it.timestampMillis == 100L } }
        }
    }

    @Test
    fun `closing asynchronously does not wait for what runs`() {
        val blocking = Fakes.Blocking()
        val engines = FakeEngines { blocking.engine() }
        val detector = Fakes.create(engines, options())
        detector.detectAsync(Pixels.frame(), 1)
        blocking.entered.await()
        detector.closeAsync()
        assertTrue(!engines.engines.single().closed)
        blocking.release.countDown()
        Fakes.await { engines.engines.single().closed }
    }
}
