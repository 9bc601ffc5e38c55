package com.example.blazeface

import java.io.File
import java.io.RandomAccessFile
import java.nio.ByteBuffer

/** The landmark model in LiteRT, on one thread of this machine's processor. */
class NativeModel(private val handle: Long) {
    private val predictions = FloatArray(LandmarkModel.NUMBERS + 1)

    fun run(input: FloatArray): FloatArray {
        run(handle, input, predictions)
        return predictions
    }

    private external fun run(handle: Long, input: FloatArray, predictions: FloatArray)

    companion object {
        fun open(bridge: String, library: String, model: String): NativeModel {
            System.load(bridge)
            return NativeModel(NativeModel(0).open(library, model))
        }
    }

    private external fun open(library: String, model: String): Long
}

/** The tracker's eyes, as `FaceTracker` has them: the crop, then the model. Remembers how long the crop took. */
private class TimedSight(private val frame: Frame, private val first: Face, private val model: NativeModel) : Sight {
    private val sampler = CropSampler()
    val crop = FloatArray(LandmarkModel.INPUT_NUMBERS)
    var warped = 0L

    override fun detect(): List<Face> = listOf(first)

    override fun landmarks(region: Region): FloatArray {
        val begun = System.nanoTime()
        sampler.sample(frame, 0, false, region, crop)
        warped = System.nanoTime() - begun
        return model.run(crop)
    }
}

/** A sequence's pixels, copied a frame at a time into the one buffer that the frames share, as a camera does. */
private class Pictures(file: File, private val width: Int, private val height: Int, count: Int, packed: Boolean) {
    private val bytes = if (packed) width * height * 4 else width * height * 3 / 2
    private val all = Array(count) { ByteArray(bytes) }
    private val buffer = ByteBuffer.allocateDirect(bytes)
    val frame: Frame = if (packed) Frame.rgba(width, height, Plane(buffer, width * 4, 4)) else planar()

    init {
        RandomAccessFile(file, "r").use { source -> all.forEach(source::readFully) }
    }

    fun show(index: Int) {
        buffer.position(0)
        buffer.put(all[index])
        buffer.position(0)
    }

    private fun planar(): Frame {
        fun from(position: Int): ByteBuffer = (buffer.duplicate().position(position) as ByteBuffer).slice()
        val pixels = width * height
        val u = Plane(from(pixels), width, 2)
        val v = Plane(from(pixels + 1), width, 2)
        return Frame.yuv(width, height, Plane(from(0), width, 1), u, v)
    }
}

/**
 * Follows a face with the library's tracker and LiteRT, frame by frame in turn with the landmark model alone, the frame
 * written before each, and writes a line of nanoseconds a frame: alone, following, and of that the crop.
 *
 * The argument is a file that says, a line each: where to write, the JNI library, LiteRT's, the model, the sequence's pixels
 * and whether they are packed; width, height, how many pictures, how many frames to time and how many to warm up with; and
 * the face that the detector finds first: score, box and keypoints.
 */
fun main(arguments: Array<String>) {
    val lines = File(arguments[0]).readLines()
    val (result, bridge, library, path, file) = lines
    val (width, height, count, frames, warmUp) = lines.subList(6, 11).map(String::toInt)
    val face = lines.drop(11).map(String::toFloat).toFloatArray()
    val model = NativeModel.open(bridge, library, path)
    val pictures = Pictures(File(file), width, height, count, lines[5].toBoolean())
    val first = Face(face.copyOfRange(1, face.size), face[0], width, height)
    val sight = TimedSight(pictures.frame, first, model)
    val tracker = Tracker(1, null)
    val round = 2 * count - 2
    val times = ArrayList<String>(frames)
    for (index in 0 until warmUp + frames) {
        // To and fro, so that the sequence goes on without a jump.
        val place = index % round
        val picture = if (place < count) place else round - place
        pictures.show(picture)
        val begun = System.nanoTime()
        tracker.update(sight, width, height, index / 30.0)
        val followed = System.nanoTime()
        check(tracker.faces.size == 1) { "the face was lost: this sequence is not steady" }
        check(tracker.detectorRan == (index == 0)) { "the detector ran in frame $index" }
        pictures.show(picture)
        val alone = System.nanoTime()
        model.run(sight.crop)
        val ended = System.nanoTime()
        if (index >= warmUp) times += "${ended - alone} ${followed - begun} ${sight.warped}"
    }
    File(result).writeText(times.joinToString("\n"))
}
