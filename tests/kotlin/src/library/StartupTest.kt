// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import java.io.ByteArrayInputStream
import java.io.File
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executor
import java.util.concurrent.Executors
import java.util.concurrent.Semaphore
import java.util.concurrent.TimeUnit
import java.util.concurrent.TimeoutException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** The ladder: which backend runs, and why, when others fail. */
@RunWith(RobolectricTestRunner::class)
class StartupTest {
    @get:Rule
    val temporary: TemporaryFolder = TemporaryFolder()

    private fun options(
        backend: BackendPreference = BackendPreference.AUTOMATIC,
        precision: Precision = Precision.FP16,
    ) = FaceDetectorOptions(backend = backend, precision = precision, kernelCacheDirectory = temporary.root)

    private fun journal() = StartupJournal.open(temporary.root, Model.SHIPPED, { _, _ -> ProcessEnd.UNKNOWN })

    @Test
    fun `the GPU runs where it works`() {
        val engines = FakeEngines()
        Fakes.create(engines, options()).use {
            assertEquals(Backend.GPU, it.activeBackend)
            assertEquals(Precision.FP16, it.startup.activePrecision)
            assertEquals("the GPU passed the self-test", it.backendReason)
            assertEquals(1, engines.requests.size)
            assertEquals(1, engines.engines[0].runs)
            assertTrue(it.startup.totalMillis > 0)
        }
    }

    @Test
    fun `wrong numbers step down to more exact arithmetic`() {
        val engines = FakeEngines { if (it.precision == Precision.FP32) Fakes.right() else Fakes.wrong() }
        Fakes.create(engines, options()).use {
            assertEquals(Backend.GPU, it.activeBackend)
            assertEquals(Precision.FP32, it.startup.activePrecision)
            assertEquals(
                listOf(StartOutcome.WRONG_NUMBERS, StartOutcome.WRONG_NUMBERS, StartOutcome.STARTED),
                it.startup.attempts.map(StartAttempt::outcome),
            )
            assertTrue(it.backendReason, it.backendReason.contains("self-test gives logit"))
            assertTrue(engines.engines[0].closed && engines.engines[1].closed)
        }
    }

    @Test
    fun `a GPU that only gives NaN ends on the CPU`() {
        val engines = FakeEngines { if (it.backend == Backend.GPU) Fakes.notANumber() else Fakes.right() }
        Fakes.create(engines, options()).use { assertEquals(Backend.CPU, it.activeBackend) }
    }

    @Test
    fun `a missing GPU library ends on the CPU and says so`() {
        val engines = FakeEngines {
            if (it.backend == Backend.GPU) throw NoClassDefFoundError("org/tensorflow/lite/gpu/GpuDelegate")
            Fakes.right()
        }
        Fakes.create(engines, options()).use {
            assertEquals(Backend.CPU, it.activeBackend)
            assertEquals(BackendPreference.AUTOMATIC, it.startup.requestedBackend)
            assertTrue(it.backendReason, it.backendReason.contains("NoClassDefFoundError"))
            assertTrue(it.backendReason, it.backendReason.startsWith("the runtime in this app is incomplete, or of another version"))
            assertEquals(StartOutcome.RUNTIME_MISMATCH, it.startup.attempts.first().outcome)
        }
    }

    @Test
    fun `a runtime of another version is said to be that`() {
        val engines = FakeEngines {
            if (it.backend == Backend.GPU) throw NoSuchMethodError("GpuOptions.<init>")
            Fakes.right()
        }
        val messages = ArrayList<String>()
        val logged = options().toBuilder().setLogger { level, message, _ -> messages += "$level $message" }.build()
        Fakes.create(engines, logged).use {
            assertEquals(Backend.CPU, it.activeBackend)
            assertFalse(it.backendReason, it.backendReason.contains("the GPU does not work"))
            assertTrue(it.backendReason, it.backendReason.contains("GpuOptions.<init>"))
        }
        assertEquals(4, messages.size)
        assertTrue(messages.first(), messages.first().startsWith("WARNING ${Model.NAME}: GPU FP16: RUNTIME_MISMATCH"))
    }

    @Test
    fun `a model in a file takes the asset's place, if it is the same`() {
        val file = temporary.newFile("fetched.tflite").apply { writeBytes(Fakes.open(Model.ASSET).readBytes()) }
        val engines = FakeEngines()
        val missing = { name: String -> if (name == Model.ASSET) Fakes.missing(name) else Fakes.open(name) }
        val fetched = options().toBuilder().setModelFile(file).build()
        Fakes.create(engines, fetched, missing).close()
        assertEquals(file, engines.requests.single().modelFile)
        file.appendText("x")
        assertThrows(ModelException::class.java) { Fakes.create(engines, fetched, missing) }
    }

    @Test
    fun `the shipped engine without its native library ends in a typed exception`() {
        val error = assertThrows(BackendException::class.java) { Fakes.create(engineFactory, options()) }
        assertEquals(4, error.attempts.size)
        assertTrue(error.attempts.all { it.outcome == StartOutcome.RUNTIME_MISMATCH })
    }

    @Test
    fun `asking for the GPU never ends on the CPU`() {
        val engines = FakeEngines { throw IllegalStateException("no OpenCL") }
        val error = assertThrows(BackendException::class.java) {
            Fakes.create(engines, options(BackendPreference.GPU))
        }
        assertTrue(error.attempts.all { it.backend == Backend.GPU })
        assertTrue(error.message.orEmpty(), error.message.orEmpty().contains("no OpenCL"))
    }

    @Test
    fun `asking for the CPU never touches the GPU`() {
        val engines = FakeEngines()
        Fakes.create(engines, options(BackendPreference.CPU)).use {
            assertEquals(listOf(Backend.CPU), engines.requests.map(EngineRequest::backend))
            assertEquals("the options ask for the CPU", it.backendReason)
        }
    }

    @Test
    fun `a precision asked for is where the ladder begins`() {
        val engines = FakeEngines { if (it.backend == Backend.GPU) Fakes.wrong() else Fakes.right() }
        Fakes.create(engines, options(precision = Precision.FP32)).close()
        assertEquals(
            listOf(Backend.GPU to Precision.FP32, Backend.CPU to Precision.FP32),
            engines.requests.map { it.backend to it.precision },
        )
    }

    @Test
    fun `a CPU that computes wrongly is refused`() {
        assertThrows(BackendException::class.java) { Fakes.create(FakeEngines { Fakes.wrong() }, options()) }
    }

    @Test
    fun `outputs of another model are refused`() {
        val engines = FakeEngines { FakeEngine(FloatArray(7), FloatArray(9)) }
        val error = assertThrows(BackendException::class.java) { Fakes.create(engines, options()) }
        assertTrue(error.message.orEmpty().contains("7, 9 numbers"))
    }

    @Test
    fun `wrong numbers are remembered, and the start that follows skips them`() {
        val faulty = { request: EngineRequest -> if (request.precision == Precision.FP16) Fakes.wrong() else Fakes.right() }
        Fakes.create(FakeEngines(make = faulty), options()).close()
        val second = FakeEngines(make = faulty)
        Fakes.create(second, options()).use {
            assertEquals(Precision.FP16_WITH_FP32_ACCUMULATION, second.requests.first().precision)
            assertEquals(StartOutcome.SKIPPED, it.startup.attempts.first().outcome)
        }
    }

    @Test
    fun `a failure to create is tried again at the next start`() {
        Fakes.create(FakeEngines { check(it.backend == Backend.CPU) { "busy" }; Fakes.right() }, options()).close()
        Fakes.create(FakeEngines(), options()).use { assertEquals(Backend.GPU, it.activeBackend) }
    }

    @Test
    fun `starts of one process that overlap take turns, and not each other for crashes`() {
        val inside = CountDownLatch(1)
        val release = CountDownLatch(1)
        val slow = FakeEngines {
            inside.countDown()
            release.await()
            Fakes.right()
        }
        val callers = Executors.newFixedThreadPool(2)
        val first = callers.submit<FaceDetector> { Fakes.create(slow, options()) }
        inside.await()
        val engines = FakeEngines()
        val second = callers.submit<FaceDetector> { Fakes.create(engines, options()) }
        assertThrows(TimeoutException::class.java) { second.get(200, TimeUnit.MILLISECONDS) }
        // One on the CPU has nothing to wait for.
        Fakes.create(FakeEngines(), options(BackendPreference.CPU)).close()
        release.countDown()
        for (started in listOf(first, second)) {
            started.get(10, TimeUnit.SECONDS).use { assertEquals("the GPU passed the self-test", it.backendReason) }
        }
        assertEquals(slow.requests.single().kernelCache, checkNotNull(engines.requests.single().kernelCache))
        assertFalse(journal().isSuspect)
        callers.shutdown()
    }

    @Test
    fun `a journal sees what another of the process has written, and keeps it`() {
        val (first, second) = List(2) { journal() }
        first.condemn(Precision.FP16, "logit 3 where 5 was expected")
        second.end(second.begin())
        assertEquals("at an earlier start, logit 3 where 5 was expected", second.verdict(Precision.FP16))
        assertEquals(second.verdict(Precision.FP16), journal().verdict(Precision.FP16))
    }

    @Test
    fun `kernels are kept under the model's hash, and what an older model or system left is removed`() {
        val ours = checkNotNull(journal().directory).parentFile.name
        val folder = File(temporary.root, "face-detector")
        val old = File(folder, "$ours/${Model.NAME}-0123").apply { mkdirs() }
        val older = File(folder, "${ours.substringBefore('-')}-0123").apply { mkdirs() }
        val foreign = File(folder, "org.acme.faces-0123").apply { mkdirs() }
        File(old, "kernels").writeText("old")
        val engines = FakeEngines()
        Fakes.create(engines, options()).close()
        val cache = checkNotNull(engines.requests[0].kernelCache)
        assertTrue(cache.name.contains(Model.SHA256.take(16)))
        assertTrue(engines.requests[0].kernelKey.startsWith(Model.SHA256.take(16)))
        assertFalse(old.exists())
        assertFalse(older.exists())
        assertTrue("another SDK's in the same app", foreign.exists())
    }

    @Test
    fun `a cache folder that cannot be made is done without`() {
        val file = temporary.newFile("a file, not a folder")
        val options = FaceDetectorOptions(kernelCacheDirectory = File(file, "below"))
        val engines = FakeEngines()
        Fakes.create(engines, options).use {
            assertNull(it.startup.kernelCacheDirectory)
            assertNull(engines.requests[0].kernelCache)
        }
    }

    @Test
    fun `a damaged journal is forgotten`() {
        val directory = checkNotNull(journal().directory)
        File(directory.parentFile, "gpu.properties").writeText("wrong.FP16=\\u12")
        Fakes.create(FakeEngines(), options()).use { assertEquals(Precision.FP16, it.startup.activePrecision) }
    }

    @Test
    fun `a missing, damaged or swapped model is refused`() {
        assertThrows(ModelException::class.java) { Fakes.create(FakeEngines(), options(), Fakes::missing) }
        val damaged = { name: String ->
            val bytes = Fakes.open(name).readBytes()
            if (name == Model.ASSET) bytes[bytes.size / 2] = (bytes[bytes.size / 2] + 1).toByte()
            ByteArrayInputStream(bytes)
        }
        assertThrows(ModelException::class.java) { Fakes.create(FakeEngines(), options(), damaged) }
        val swapped = { name: String -> if (name == Model.ASSET) ByteArrayInputStream(ByteArray(1000)) else Fakes.open(name) }
        assertThrows(ModelException::class.java) { Fakes.create(FakeEngines(), options(), swapped) }
    }

    @Test
    fun `the model is missing from an app without the assets`() {
        assertThrows(ModelException::class.java) { FaceDetector.createBlocking(Fakes.context) }
        val answered = CountDownLatch(1)
        FaceDetector.createAsync(Fakes.context, options(), Runnable::run, object : FaceDetector.CreateCallback {
            override fun onReady(detector: FaceDetector) = error("cannot be")

            override fun onError(error: FaceDetectorException) {
                if (error is ModelException) answered.countDown()
            }
        })
        assertTrue(answered.await(10, TimeUnit.SECONDS))
    }

    @Test
    fun `everything happens on one thread, and not on the caller's`() {
        val engines = FakeEngines()
        Fakes.create(engines, options()).use { it.detect(Pixels.frame()) }
        val threads = engines.engines.single().threads
        assertEquals(1, threads.size)
        assertFalse(Thread.currentThread() in threads)
    }

    @Test
    fun `what is ready when the executor takes no more tasks is closed`() {
        val gone = Executors.newSingleThreadExecutor().apply { shutdown() }
        val asked = Semaphore(0)
        val executor = Executor {
            asked.release()
            gone.execute(it)
        }
        val right = FakeEngines()
        Fakes.withUncaught { uncaught ->
            for (engines in listOf(FakeEngines { throw IllegalStateException("no OpenCL") }, right)) {
                FaceDetector.opening(Fakes.context, options(), engines, Fakes::open)
                    .start(executor, onReady = { error("cannot be") }, onError = { throw it })
                assertTrue(asked.tryAcquire(10, TimeUnit.SECONDS))
            }
            Fakes.await { right.engines.single().closed }
            assertTrue(uncaught.toString(), uncaught.isEmpty())
        }
    }

    @Test
    fun `a cancelled start closes what it started`() = runBlocking {
        val inside = CompletableDeferred<Unit>()
        val release = CountDownLatch(1)
        val engines = FakeEngines {
            inside.complete(Unit)
            release.await()
            Fakes.right()
        }
        val job = launch(Dispatchers.Default) {
            FaceDetector.opening(Fakes.context, options(), engines, Fakes::open).suspending()
        }
        inside.await()
        job.cancelAndJoin()
        release.countDown()
        Fakes.await { engines.engines.singleOrNull()?.closed == true }
    }
}
