package com.example.blazeface

import java.nio.ByteBuffer
import java.util.Random
import java.util.concurrent.TimeUnit
import org.openjdk.jmh.annotations.Benchmark
import org.openjdk.jmh.annotations.BenchmarkMode
import org.openjdk.jmh.annotations.Fork
import org.openjdk.jmh.annotations.Measurement
import org.openjdk.jmh.annotations.Mode
import org.openjdk.jmh.annotations.OutputTimeUnit
import org.openjdk.jmh.annotations.Param
import org.openjdk.jmh.annotations.Scope
import org.openjdk.jmh.annotations.Setup
import org.openjdk.jmh.annotations.State
import org.openjdk.jmh.annotations.Warmup

/** How everything here is timed; JMH takes it over from a superclass. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
abstract class Timed

/** Decoding and blending of 896 anchors. */
open class Postprocessing : Timed() {
    /** Candidates above the threshold: four on one face, or fifty on five. */
    @Param("4", "50")
    var candidates: Int = 0

    private val boxes = FloatArray(Model.ANCHORS * Model.BOX_NUMBERS)
    private val scores = FloatArray(Model.ANCHORS)
    private val predictions = FloatArray(Model.ANCHORS * Model.ROW)
    private val letterbox = Letterbox(1280, 720)
    private val postprocessor = Postprocessor(Model.MINIMUM_SCORE, Model.BLENDING_IOU, null)
    private val plain = PlainPostprocessor()

    @Setup
    fun fill() {
        val random = Random(7)
        for (i in boxes.indices) boxes[i] = (random.nextGaussian() * 10).toFloat()
        for (anchor in scores.indices) {
            scores[anchor] = (-6 + random.nextGaussian()).toFloat()
            boxes[anchor * Model.BOX_NUMBERS + 2] = 30f
            boxes[anchor * Model.BOX_NUMBERS + 3] = 30f
        }
        // Ten neighbouring anchors see the same face.
        val centres = anchorCentres()
        repeat(candidates) {
            val face = it / 10 * 170
            val anchor = face + it % 10 * 2
            scores[anchor] = 2 + random.nextFloat()
            for (axis in 0 until 2) {
                val offset = (centres[2 * face + axis] - centres[2 * anchor + axis]) * Model.BOX_SCALE
                boxes[anchor * Model.BOX_NUMBERS + axis] = (offset + random.nextGaussian()).toFloat()
            }
        }
        for (anchor in scores.indices) {
            val start = anchor * Model.BOX_NUMBERS
            boxes.copyInto(predictions, anchor * Model.ROW, start, start + Model.BOX_NUMBERS)
            predictions[anchor * Model.ROW + Model.BOX_NUMBERS] = scores[anchor]
        }
    }

    @Benchmark
    fun library(): List<Face> = postprocessor.faces(predictions, letterbox)

    @Benchmark
    fun plainPort(): List<PlainPostprocessor.Detection> = plain.faces(boxes, scores)
}

/** A frame to the model's input. */
open class Preprocessing : Timed() {
    /** Pixels, size and rotation. */
    @Param("YUV 1280 720 0", "YUV 1280 720 90", "RGBA 1280 720 0", "YUV 1920 1080 0", "RGBA 1920 1080 0", "RGBA 4032 3024 0")
    var what: String = ""

    private val samplers = Sampling.entries.associateWith(::Preprocessor)
    private val input = FloatArray(Model.INPUT_NUMBERS)
    private val plain = PlainPreprocessor()
    private lateinit var camera: Camera
    private lateinit var frame: Frame
    private lateinit var copies: List<ByteArray>
    private var rotation = 0

    @Setup
    fun place() {
        val words = what.split(" ")
        camera = Camera(words[1].toInt(), words[2].toInt())
        rotation = words[3].toInt()
        frame = if (words[0] == "YUV") camera.frame else camera.packed
        // The chroma planes overlap on a phone: one of them has all bytes.
        copies = listOfNotNull(frame.plane, frame.u).map { ByteArray(it.size) }
    }

    private fun process(sampling: Sampling): FloatArray {
        samplers.getValue(sampling).process(frame, rotation, true, input)
        return input
    }

    @Benchmark
    fun library(): FloatArray = process(Sampling.AREA)

    @Benchmark
    fun point(): FloatArray = process(Sampling.POINT)

    /** The frame's bytes, copied into arrays. */
    @Benchmark
    fun copy(): List<ByteArray> {
        for ((plane, copy) in listOfNotNull(frame.plane, frame.u).zip(copies)) plane.buffer.duplicate().get(copy)
        return copies
    }

    /** Reads YUV whatever the library reads. */
    @Benchmark
    fun plainPort(): FloatArray = with(camera) { plain.average(y, u, v, width, height, rotation, true) }
}

/** The crop of a face from a camera's frame of 1280 × 720, which lies on its side and is mirrored. */
open class Cropping : Timed() {
    /** The frame's pixels, and the crop's side in it. */
    @Param("YUV 320", "YUV 640", "RGBA 320", "RGBA 640")
    var what: String = ""

    private val samplers = Sampling.entries.associateWith(::CropSampler)
    private val crop = FloatArray(LandmarkModel.INPUT_NUMBERS)
    private val camera = Camera()
    private val region = Region()
    private val plain = PlainPreprocessor()
    private lateinit var frame: Frame

    @Setup
    fun place() {
        val (pixels, side) = what.split(" ")
        frame = if (pixels == "YUV") camera.frame else camera.packed
        region.set(360.0, 640.0, side.toDouble(), side.toDouble(), 17.0)
    }

    private fun sample(sampling: Sampling): FloatArray {
        samplers.getValue(sampling).sample(frame, 90, true, region, crop)
        return crop
    }

    @Benchmark
    fun library(): FloatArray = sample(Sampling.AREA)

    @Benchmark
    fun point(): FloatArray = sample(Sampling.POINT)

    /** Reads YUV whatever the library reads. */
    @Benchmark
    fun plainPort(): FloatArray = with(camera) { plain.crop(y, u, v, 1280, 720, 90, region) }
}

/** What the tracker itself adds to a steady frame with one face: everything but crop and models. */
open class Tracking : Timed() {
    @Param("false", "true")
    var smoothed: Boolean = false

    private lateinit var tracker: Tracker
    private var seconds = 0.0
    private val sight = object : Sight {
        private val face = FloatArray(Model.BOX_NUMBERS) { 0.5f }
        private val predictions = FloatArray(LandmarkModel.NUMBERS + 1) { 10f }

        init {
            // Two thirds of the crop, so that the next one is the same.
            for (i in 0 until LandmarkModel.NUMBERS) {
                predictions[i] = LandmarkModel.INPUT_WIDTH * (1 + 4 * (i / 3 % 2)) / 6f
                if (i % 3 == 1) predictions[i] = LandmarkModel.INPUT_WIDTH * (1 + 4 * (i / 6 % 2)) / 6f
            }
        }

        override fun detect(): List<Face> = listOf(Face(face, 0.9f, 1280, 720))

        override fun landmarks(region: Region): FloatArray = predictions
    }

    @Setup
    fun start() {
        tracker = Tracker(1, if (smoothed) Smoothing() else null)
    }

    @Benchmark
    fun library(): List<TrackedFace> {
        seconds += 1 / 30.0
        tracker.update(sight, 1280, 720, seconds)
        check(tracker.faces.size == 1)
        return tracker.faces
    }
}

/** A frame of noise, its planes laid out as Android's cameras do. */
class Camera(val width: Int = 1280, val height: Int = 720) {
    val y: Plane = plane(width, height, 1)
    val u: Plane = plane(width, height / 2, 2)
    val v: Plane = plane(width, height / 2, 2)
    val frame: Frame = Frame.yuv(width, height, y, u, v)
    val packed: Frame by lazy { Frame.rgba(width, height, plane(4 * width, height, 4)) }

    private fun plane(rowStride: Int, rows: Int, pixelStride: Int): Plane {
        val bytes = ByteArray(rowStride * rows).also { Random(1).nextBytes(it) }
        val buffer = ByteBuffer.allocateDirect(bytes.size)
        buffer.put(bytes)
        buffer.rewind()
        return Plane(buffer, rowStride, pixelStride)
    }
}
