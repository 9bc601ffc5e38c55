// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import java.nio.ByteBuffer
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.shadows.ShadowTrace

/** Calls in every order, bad frames, and models that say what makes no sense. */
@RunWith(RobolectricTestRunner::class)
class TrackTest {
    @Test
    fun `a face is detected, then tracked, and the detector sleeps`() {
        val fakes = TrackFakes()
        fakes.create().use { tracker ->
            val frames = (1L..4L).map { tracker.track(Pixels.frame(), it) }
            assertEquals(listOf(true, false, false, false), frames.map(TrackedFrame::detectorRan))
            assertEquals(
                listOf(TrackState.DETECTED, TrackState.TRACKED, TrackState.TRACKED, TrackState.TRACKED),
                frames.map { it.faces.single().state },
            )
            assertEquals(listOf(1, 2, 3, 4), frames.map { it.faces.single().age })
            assertTrue(frames.all { it.faces.single().track == 1 && it.imageWidth == 64 && it.imageHeight == 48 })
            val face = frames[0].faces.single().face
            assertEquals(LandmarkModel.COUNT, face.landmarks.size)
            assertEquals(face.landmarks.x(7), face.normalizedLandmarks[7].x * 64, 1e-4f)
            assertEquals(face.landmarks.z(7), face.normalizedLandmarks[7].z * 64, 1e-4f)
            assertEquals(4L, tracker.frames)
            assertEquals(1L, tracker.detectorRuns)
            // The self-test's and ours.
            assertEquals(2, fakes.engine(landmarks = false).runs)
        }
    }

    @Test
    fun `a face of the detector has no landmarks`() {
        Fakes.create(FakeEngines()).use { assertEquals(0, it.detect(Pixels.frame()).single().landmarks.size) }
    }

    @Test
    fun `timestamps that repeat or go back are refused, and the track goes on`() {
        TrackFakes().create().use { tracker ->
            tracker.track(Pixels.frame(), 10)
            assertThrows(TimestampException::class.java) { tracker.track(Pixels.frame(), 10) }
            assertThrows(TimestampException::class.java) { tracker.track(Pixels.frame(), 3) }
            assertEquals(2, tracker.track(Pixels.frame(), 11).faces.single().age)
        }
    }

    @Test
    fun `a frame that ends in its middle is refused, and the track goes on`() {
        TrackFakes().create().use { tracker ->
            tracker.track(Pixels.frame(), 1)
            val buffer = ByteBuffer.allocate(64 * 48 * 4)
            val frame = Frame.rgba(64, 48, Plane(buffer, 64 * 4, 4))
            buffer.limit(64)
            assertThrows(InvalidFrameException::class.java) { tracker.track(frame, 2) }
            assertThrows(InvalidFrameException::class.java) {
                Frame.rgba(64, 48, Plane(ByteBuffer.allocate(64 * 47 * 4), 64 * 4, 4))
            }
            assertEquals(2, tracker.track(Pixels.frame(), 3).faces.single().age)
        }
    }

    @Test
    fun `a frame of another size or orientation begins anew`() {
        TrackFakes().create().use { tracker ->
            tracker.track(Pixels.frame(), 1)
            val larger = tracker.track(Pixels.frame(100, 100), 2)
            assertEquals(listOf(1), larger.lost)
            assertTrue(larger.detectorRan)
            assertEquals(2, larger.faces.single().track)
            val frame = Frame.rgba(100, 60, Plane(ByteBuffer.allocate(100 * 60 * 4), 400, 4))
            tracker.track(frame, 3)
            val turned = Frame.rgba(100, 60, Plane(ByteBuffer.allocate(100 * 60 * 4), 400, 4), rotationDegrees = 90)
            val after = tracker.track(turned, 4)
            assertEquals(60 to 100, after.imageWidth to after.imageHeight)
            assertEquals(listOf(3), after.lost)
            assertTrue(after.detectorRan)
        }
    }

    @Test
    fun `landmarks that are no numbers lose the track, and the detector runs in the next frame`() {
        val fakes = TrackFakes()
        fakes.create().use { tracker ->
            tracker.track(Pixels.frame(), 1)
            val landmarks = fakes.engine(landmarks = true).predictions
            val right = landmarks[100]
            landmarks[100] = Float.NaN
            val lost = tracker.track(Pixels.frame(), 2)
            assertEquals(listOf(1), lost.lost)
            assertTrue(lost.faces.isEmpty())
            landmarks[100] = right
            val again = tracker.track(Pixels.frame(), 3)
            assertTrue(again.detectorRan)
            assertEquals(2, again.faces.single().track)
        }
    }

    @Test
    fun `a crop wholly outside the image loses the track without a run`() {
        val fakes = TrackFakes()
        fakes.create().use { tracker ->
            val engine = fakes.engine(landmarks = true)
            val landmarks = engine.predictions
            for (i in 0 until LandmarkModel.NUMBERS step 3) landmarks[i] += 4000f
            tracker.track(Pixels.frame(), 1)
            val runs = engine.runs
            assertEquals(listOf(1), tracker.track(Pixels.frame(), 2).lost)
            assertEquals(runs, engine.runs)
        }
    }

    @Test
    fun `any number of faces may be asked for`() {
        TrackFakes().create(FaceTrackerOptions(maximumFaces = Int.MAX_VALUE)).use { tracker ->
            assertEquals(1, tracker.track(Pixels.frame(), 1).faces.size)
        }
    }

    @Test
    fun `landmarks beyond all measure never end in a crash`() {
        for (huge in listOf(1e20f, Float.MAX_VALUE)) {
            val fakes = TrackFakes()
            fakes.create().use { tracker ->
                val landmarks = fakes.engine(landmarks = true).predictions
                for (i in 0 until LandmarkModel.NUMBERS) landmarks[i] *= huge / 200
                repeat(20) { tracker.track(Pixels.frame(), it.toLong()) }
            }
        }
    }

    @Test
    fun `smoothing keeps a resting face where it is`() {
        TrackFakes().create(FaceTrackerOptions(smoothing = Smoothing())).use { tracker ->
            val first = tracker.track(Pixels.frame(), 1).faces.single()
            assertEquals(LandmarkModel.COUNT, first.face.landmarks.size)
            assertEquals(2, tracker.track(Pixels.frame(), 2).faces.single().age)
        }
    }

    @Test
    fun `each stage is a section of the system trace`() {
        val inside = CopyOnWriteArrayList<String>()
        val before = CopyOnWriteArrayList<String>()
        val look = {
            inside += ShadowTrace.getCurrentSections()
            before += ShadowTrace.getPreviousSections()
        }
        ShadowTrace.setEnabled(true)
        TrackFakes({ Fakes.right { look() } }, { TrackFakes.landmarks { look() } }).create().use { it.track(Pixels.frame(), 1) }
        assertEquals(listOf("FaceTracker.detect", "FaceTracker.landmarks"), inside)
        for (stage in listOf("preprocess", "postprocess", "warp")) assertTrue(stage, "FaceTracker.$stage" in before)
    }

    @Test
    fun `a call of another running mode is refused`() {
        TrackFakes().create().use {
            assertThrows(RunningModeException::class.java) { it.trackAsync(Pixels.frame(), 1) }
        }
        TrackFakes().create(FaceTrackerOptions(RunningMode.LIVE_STREAM)).use {
            assertThrows(RunningModeException::class.java) { it.track(Pixels.frame(), 1) }
        }
    }

    @Test
    fun `the tracker's own thread may call it`() {
        val faces = CompletableFuture<Int>()
        FaceTracker.opening(Fakes.context, FaceTrackerOptions(), TrackFakes().engines, Fakes::open).start(
            Runnable::run,
            onReady = { tracker -> tracker.use { faces.complete(it.track(Pixels.frame(), 1).faces.size) } },
            onError = faces::completeExceptionally,
        )
        assertEquals(1, faces.get(10, TimeUnit.SECONDS))
    }

    @Test
    fun `use after close is refused, and closing again does nothing`() {
        val tracker = TrackFakes().create()
        tracker.close()
        tracker.close()
        val error = assertThrows(DetectorClosedException::class.java) { tracker.track(Pixels.frame(), 1) }
        assertTrue(error.message.orEmpty(), error.message.orEmpty().contains("FaceTracker"))
    }

    @Test
    fun `closing waits for the frame at hand, and calls behind it are refused`() {
        val blocking = Blocking()
        val fakes = TrackFakes(landmarker = { blocking.engine() })
        val tracker = fakes.create()
        val callers = Executors.newFixedThreadPool(2)
        val running = callers.submit<TrackedFrame> { tracker.track(Pixels.frame(), 1) }
        blocking.entered.await()
        val behind = callers.submit<TrackedFrame> { tracker.track(Pixels.frame(), 2) }
        val closing = thread { tracker.close() }
        Thread.sleep(100)
        assertFalse("closed during a run", fakes.engines.engines.any { it.closed })
        blocking.release.countDown()
        assertEquals(1, running.get(10, TimeUnit.SECONDS).faces.size)
        val refused = assertThrows(java.util.concurrent.ExecutionException::class.java) { behind.get(10, TimeUnit.SECONDS) }
        assertTrue(refused.cause is DetectorClosedException || refused.cause is TimestampException)
        closing.join(10_000)
        assertTrue(fakes.engines.engines.all { it.closed })
        callers.shutdown()
    }

    @Test
    fun `a landmark backend that fails while running gives way to the next, and the track stays`() {
        var runs = 0
        val fakes = TrackFakes(
            landmarker = {
                if (it.backend == Backend.GPU) TrackFakes.landmarks { check(runs++ < 2) { "device lost" } } else TrackFakes.landmarks()
            },
        )
        fakes.create(FaceTrackerOptions(precision = Precision.FP32)).use { tracker ->
            tracker.track(Pixels.frame(), 1)
            assertEquals(2, tracker.track(Pixels.frame(), 2).faces.single().age)
            assertEquals(Backend.CPU, tracker.activeBackend)
            assertEquals(Backend.GPU, tracker.detectorStartup.activeBackend)
            assertTrue(tracker.backendReason, tracker.backendReason.contains("device lost"))
        }
    }

    @Test
    fun `a frame that fails leaves the tracks as they were`() {
        var failing = false
        val fakes = TrackFakes(landmarker = { TrackFakes.landmarks { check(!failing) { "hiccup" } } })
        fakes.create(FaceTrackerOptions(backend = BackendPreference.CPU)).use { tracker ->
            tracker.track(Pixels.frame(), 1)
            failing = true
            assertThrows(InferenceException::class.java) { tracker.track(Pixels.frame(), 2) }
            // Of another size: the track is lost when a frame of that size succeeds.
            assertThrows(InferenceException::class.java) { tracker.track(Pixels.frame(100, 100), 3) }
            failing = false
            val next = tracker.track(Pixels.frame(), 4).faces.single()
            assertEquals(1 to 2, next.track to next.age)
            assertEquals(listOf(1), tracker.track(Pixels.frame(100, 100), 5).lost)
            assertEquals(3L, tracker.frames)
        }
    }

    @Test
    fun `the newest frame of a live stream wins, and the others are counted`() {
        val blocking = Blocking()
        val results = CopyOnWriteArrayList<TrackedFrame>()
        val errors = CopyOnWriteArrayList<FaceDetectorException>()
        val listener = object : TrackingListener {
            override fun onFrame(frame: TrackedFrame) {
                results += frame
            }

            override fun onError(error: FaceDetectorException) {
                errors += error
            }
        }
        val options = FaceTrackerOptions(RunningMode.LIVE_STREAM, listener = listener)
        TrackFakes(landmarker = { blocking.engine() }).create(options).use { tracker ->
            assertEquals(0L, tracker.droppedFrames)
            tracker.trackAsync(Pixels.frame(), 1)
            blocking.entered.await()
            (2L..50L).forEach { tracker.trackAsync(Pixels.frame(), it) }
            tracker.trackAsync(Pixels.frame(), 50)
            assertEquals("not newer than the one before", 1, tracker.lateFrames)
            blocking.release.countDown()
            Fakes.await { results.size == 2 }
            assertEquals(listOf(1L, 50L), results.map(TrackedFrame::timestampMillis))
            assertEquals(48L, tracker.droppedFrames)
            assertEquals(2, results[1].faces.single().age)
            assertTrue(results.all { it.latencyMillis > 0 })
            assertTrue(errors.isEmpty())
        }
    }

    @Test
    fun `a camera whose clock is behind begins a new stream, whose tracks are new`() {
        val results = java.util.concurrent.CopyOnWriteArrayList<TrackedFrame>()
        val listener = object : TrackingListener {
            override fun onFrame(frame: TrackedFrame) {
                results += frame
            }

            override fun onError(error: FaceDetectorException) = throw error
        }
        TrackFakes().create(FaceTrackerOptions(RunningMode.LIVE_STREAM, listener = listener)).use { tracker ->
            for (millis in listOf(90_000L, 90_033L, 1_000L, 1_033L)) {
                tracker.trackAsync(Pixels.frame(), millis)
                Fakes.await { results.lastOrNull()?.timestampMillis == millis }
            }
            assertEquals(listOf(1, 1, 2, 2), results.map { it.faces.single().track })
            assertEquals(listOf(1), results[2].lost)
            assertEquals(2L, tracker.detectorRuns)
        }
    }

    @Test
    fun `a frame can be awaited`() = runBlocking {
        TrackFakes().create().use { tracker ->
            assertEquals(1, tracker.awaitFrame(Pixels.frame(), 1).faces.single().track)
            assertEquals(2, tracker.awaitFrame(Pixels.frame(), 2).faces.single().age)
        }
    }

    @Test
    fun `results come as a flow, and a run that fails is told`() = runBlocking {
        var runs = 0
        val fakes = TrackFakes(landmarker = { TrackFakes.landmarks { check(runs++ != 1) { "hiccup" } } })
        val options = FaceTrackerOptions(RunningMode.LIVE_STREAM, BackendPreference.CPU)
        fakes.create(options).use { tracker ->
            withTimeout(10_000) {
                val failed = launch(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) {
                    assertTrue(tracker.errors.first() is InferenceException)
                }
                tracker.trackAsync(Pixels.frame(), 6)
                failed.join()
                val first = launch(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) {
                    assertEquals(7L, tracker.results.first().timestampMillis)
                }
                tracker.trackAsync(Pixels.frame(), 7)
                first.join()
            }
        }
    }

    /** A landmark engine that waits in its runs, but for the first, until it is let go. */
    private class Blocking {
        val entered = CountDownLatch(1)
        val release = CountDownLatch(1)
        private var first = true

        fun engine(): FakeEngine = TrackFakes.landmarks {
            if (first) {
                first = false
            } else {
                entered.countDown()
                release.await()
            }
        }
    }
}
