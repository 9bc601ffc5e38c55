// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import android.content.Context
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Collections
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.runBlocking
import org.robolectric.RuntimeEnvironment

/** An engine whose outputs are the golden self-test's own, which is one face, or what a test makes of them. */
internal class FakeEngine(private vararg val outputs: FloatArray, private val onRun: () -> Unit = {}) : Engine {
    val predictions: FloatArray
        get() = outputs.single()

    val threads: MutableSet<Thread> = Collections.synchronizedSet(HashSet())

    @Volatile
    var closed: Boolean = false

    @Volatile
    var runs: Int = 0

    init {
        threads += Thread.currentThread()
    }

    override val outputCount: Int = outputs.size

    override fun run(input: ModelInput) {
        check(!closed) { "run after close" }
        threads += Thread.currentThread()
        runs++
        onRun()
    }

    override fun output(index: Int): FloatArray = outputs[index]

    override fun close() {
        threads += Thread.currentThread()
        closed = true
    }
}

/** Creates engines as a test says, one call a rung. */
internal class FakeEngines(
    override val gpuPrecisions: List<Precision> =
        listOf(Precision.FP16, Precision.FP16_WITH_FP32_ACCUMULATION, Precision.FP32),
    private val make: (EngineRequest) -> FakeEngine = { Fakes.right() },
) : EngineFactory {
    val requests: MutableList<EngineRequest> = ArrayList()
    val engines: MutableList<FakeEngine> = ArrayList()

    override fun create(request: EngineRequest): Engine {
        requests += request
        return make(request).also { engines += it }
    }
}

internal object Fakes {
    private val assets = File(System.getProperty("assets", "src/main/assets"))

    val context: Context
        get() = RuntimeEnvironment.getApplication()

    fun open(name: String): InputStream = assets.resolve(name).inputStream()

    /** The predictions that the self-test expects, everything else far below any threshold. */
    fun predictions(): FloatArray {
        val made = FloatArray(Model.ANCHORS * Model.ROW)
        for (logit in Model.BOX_NUMBERS until made.size step Model.ROW) made[logit] = -50f
        val data = ByteBuffer.wrap(open(Model.SELF_TEST_ASSET).readBytes()).order(ByteOrder.LITTLE_ENDIAN)
        val rows = data.getInt(16)
        data.position(20 + Model.INPUT_NUMBERS)
        repeat(rows) {
            val anchor = data.int
            for (i in 0 until Model.ROW) made[anchor * Model.ROW + i] = data.float
        }
        return made
    }

    fun right(onRun: () -> Unit = {}): FakeEngine = FakeEngine(predictions(), onRun = onRun)

    fun wrong(): FakeEngine = FakeEngine(
        predictions().also { for (logit in Model.BOX_NUMBERS until it.size step Model.ROW) it[logit] = -20f },
    )

    fun notANumber(): FakeEngine = FakeEngine(predictions().also { it.fill(Float.NaN) })

    fun create(
        factory: EngineFactory,
        options: FaceDetectorOptions = FaceDetectorOptions(),
        open: (String) -> InputStream = ::open,
    ): FaceDetector = runBlocking { FaceDetector.opening(context, options, factory, open).suspending() }

    fun await(condition: () -> Boolean) {
        val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10)
        while (!condition()) {
            check(System.nanoTime() < deadline) { "waited in vain" }
            Thread.sleep(2)
        }
    }

    /** Runs [test] with the exceptions that nobody caught meanwhile, on any thread. */
    fun withUncaught(test: (List<Throwable>) -> Unit) {
        val before = Thread.getDefaultUncaughtExceptionHandler()
        val uncaught = CopyOnWriteArrayList<Throwable>()
        Thread.setDefaultUncaughtExceptionHandler { _, error -> uncaught += error }
        try {
            test(uncaught)
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before)
        }
    }

    fun missing(name: String): InputStream = throw IOException("no $name")

    /** An engine that waits in its runs, but for the first, until it is let go. */
    class Blocking {
        val entered: CountDownLatch = CountDownLatch(1)
        val release: CountDownLatch = CountDownLatch(1)
        private var first = true

        fun engine(): FakeEngine = right {
            if (first) {
                first = false
            } else {
                entered.countDown()
                release.await()
            }
        }
    }
}

/** Frames to look at. */
internal object Pixels {
    /** A frame whose rows are longer than any array. */
    fun exhausting(): Frame {
        val frame = frame(width = 2)
        val stride = Plane::class.java.getDeclaredField("pixelStride").apply { isAccessible = true }
        stride.setInt(checkNotNull(frame.plane), Int.MAX_VALUE - 3)
        return frame
    }

    fun frame(width: Int = 64, height: Int = 48): Frame =
        Frame.rgba(width, height, Plane(ByteBuffer.allocate(width * height * 4), width * 4, 4))
}
