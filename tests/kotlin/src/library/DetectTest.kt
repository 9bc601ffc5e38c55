// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executors
import java.util.concurrent.Future
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** Calls in every order: modes, timestamps, closing, failing runs. */
@RunWith(RobolectricTestRunner::class)
class DetectTest {
    @Test
    fun `one face is found`() {
        Fakes.create(FakeEngines()).use {
            val face = it.detect(Pixels.frame()).single()
            assertTrue(face.score > 0.8f)
            assertEquals(Keypoint.entries.size, face.keypoints.toList().size)
        }
    }

    @Test
    fun `faces can be awaited, and a closed detector refuses that`() = kotlinx.coroutines.runBlocking {
        val detector = Fakes.create(FakeEngines())
        assertEquals(1, detector.awaitFaces(Pixels.frame()).size)
        detector.close()
        assertTrue(runCatching { detector.awaitFaces(Pixels.frame()) }.exceptionOrNull() is DetectorClosedException)
    }

    @Test
    fun `a call of another running mode is refused`() {
        Fakes.create(FakeEngines()).use {
            assertThrows(RunningModeException::class.java) { it.detect(Pixels.frame(), 1) }
            assertThrows(RunningModeException::class.java) { it.detectAsync(Pixels.frame(), 1) }
        }
        Fakes.create(FakeEngines(), FaceDetectorOptions(RunningMode.LIVE_STREAM)).use {
            assertThrows(RunningModeException::class.java) { it.detect(Pixels.frame()) }
        }
    }

    @Test
    fun `timestamps must rise`() {
        Fakes.create(FakeEngines(), FaceDetectorOptions(RunningMode.VIDEO)).use {
            it.detect(Pixels.frame(), 10)
            assertThrows(TimestampException::class.java) { it.detect(Pixels.frame(), 10) }
            assertThrows(TimestampException::class.java) { it.detect(Pixels.frame(), 9) }
            it.detect(Pixels.frame(), 11)
        }
    }

    @Test
    fun `use after close is refused, and closing again does nothing`() {
        val engines = FakeEngines()
        val detector = Fakes.create(engines)
        detector.close()
        detector.close()
        assertTrue(engines.engines.single().closed)
        assertThrows(DetectorClosedException::class.java) { detector.detect(Pixels.frame()) }
    }

    @Test
    fun `closing waits for the run, and calls behind it are refused`() {
        val blocking = Fakes.Blocking()
        val engines = FakeEngines { blocking.engine() }
        val detector = Fakes.create(engines)
        val callers = Executors.newFixedThreadPool(2)
        val running = callers.submit<List<Face>> { detector.detect(Pixels.frame()) }
        blocking.entered.await()
        val behind = callers.submit<List<Face>> { detector.detect(Pixels.frame()) }
        val closing = thread { detector.close() }
        Thread.sleep(100)
        assertFalse("closed during a run", engines.engines.single().closed)
        blocking.release.countDown()
        assertEquals(1, running.get(10, TimeUnit.SECONDS).size)
        val refused = assertThrows(java.util.concurrent.ExecutionException::class.java) { behind.get(10, TimeUnit.SECONDS) }
        assertTrue(refused.cause is DetectorClosedException)
        closing.join(10_000)
        assertTrue(engines.engines.single().closed)
        callers.shutdown()
    }

    @Test
    fun `a backend that fails while running gives way to the next`() {
        var runs = 0
        val engines = FakeEngines {
            if (it.backend == Backend.GPU) Fakes.right { check(runs++ == 0) { "device lost" } } else Fakes.right()
        }
        val options = FaceDetectorOptions(precision = Precision.FP32)
        Fakes.create(engines, options).use {
            assertEquals(Backend.GPU, it.activeBackend)
            assertEquals(1, it.detect(Pixels.frame()).size)
            assertEquals(Backend.CPU, it.activeBackend)
            assertTrue(it.backendReason, it.backendReason.contains("device lost"))
        }
    }

    @Test
    fun `a run that fails without another backend ends in a typed exception`() {
        var runs = 0
        val engines = FakeEngines { Fakes.right { check(runs++ == 0) { "out of memory" } } }
        Fakes.create(engines, FaceDetectorOptions(backend = BackendPreference.CPU)).use {
            val error = assertThrows(InferenceException::class.java) { it.detect(Pixels.frame()) }
            assertTrue(error.message.orEmpty().contains("out of memory"))
        }
    }

    @Test
    fun `the detector's own thread may call it, also while others wait for that thread`() {
        val faces = CompletableFuture<Int>()
        val callers = Executors.newSingleThreadExecutor()
        lateinit var detector: FaceDetector
        lateinit var other: Future<List<Face>>
        val opening = FaceDetector.opening(Fakes.context, FaceDetectorOptions(), FakeEngines(), Fakes::open)
        opening.start(
            Runnable::run,
            onReady = {
                detector = it
                other = callers.submit<List<Face>> { it.detect(Pixels.frame()) }
                Thread.sleep(100)
                faces.complete(it.detect(Pixels.frame()).size)
            },
            onError = faces::completeExceptionally,
        )
        assertEquals(1, faces.get(10, TimeUnit.SECONDS))
        assertEquals(1, other.get(10, TimeUnit.SECONDS).size)
        detector.close()
        callers.shutdown()
    }

    @Test
    fun `an interrupted caller gets its result and keeps the interrupt`() {
        Fakes.create(FakeEngines()).use {
            Thread.currentThread().interrupt()
            assertEquals(1, it.detect(Pixels.frame()).size)
            assertTrue(Thread.interrupted())
        }
    }

    @Test
    fun `many callers get their own results`() {
        Fakes.create(FakeEngines()).use { detector ->
            val callers = Executors.newFixedThreadPool(4)
            val sizes = listOf(64 to 48, 48 to 64, 100 to 100, 17 to 200)
            val calls = (0 until 200).map { i ->
                val (width, height) = sizes[i % sizes.size]
                callers.submit<Boolean> {
                    detector.detect(Pixels.frame(width, height)).single().let { it.imageWidth == width && it.imageHeight == height }
                }
            }
            assertTrue(calls.all { it.get(30, TimeUnit.SECONDS) })
            callers.shutdown()
        }
    }
}
