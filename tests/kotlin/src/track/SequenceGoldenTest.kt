// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import com.google.gson.JsonArray
import com.google.gson.JsonObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** The tracker makes of recorded detections and landmarks what the reference makes of them, frame by frame. */
@RunWith(RobolectricTestRunner::class)
class SequenceGoldenTest {
    private val golden = GoldenFolder("sequences")

    @Test
    fun `every sequence is followed like the reference`() {
        val cases = golden.cases("sequence").filter { it["detector"].asString == Model.NAME }
        // They are recorded with one detector; with another, only the tracker's own tests hold the bundle.
        assertTrue("only ${cases.size} sequences", Model.NAME != "blazeface-front" || cases.size >= 14)
        cases.forEach { Replay(it).run() }
    }

    /** One sequence; what the models say is read from the recording. */
    private inner class Replay(case: JsonObject) : Sight {
        private val name = case["case"].asString
        private val frames = case["frames"].asJsonArray.map { it.asJsonObject }
        private val calls = golden.floats(case["calls"].asJsonObject["file"].asString)
        private val landmarks = golden.floats(case["landmarks"].asJsonObject["file"].asString)
        private val tracker = Tracker(
            case["maximum_faces"].asInt,
            case["smoothing"].takeUnless { it.isJsonNull }?.asJsonObject?.let {
                Smoothing(
                    it["minimum_cutoff"].asDouble, it["beta"].asDouble, it["derivative_cutoff"].asDouble,
                )
            },
        )
        private var frame = JsonObject()
        private var where = ""
        private var made = 0

        fun run() {
            for ((index, one) in frames.withIndex()) {
                frame = one
                where = "$name, frame $index"
                made = 0
                tracker.update(this, one["width"].asInt, one["height"].asInt, one["seconds"].asDouble)
                assertEquals("$where: runs of the landmark model", one["calls"].asJsonArray.size(), made)
                assertEquals("$where: detector ran", one["detector_ran"].asBoolean, tracker.detectorRan)
                assertEquals("$where: lost", one["lost"].asJsonArray.map { it.asInt }, tracker.lost)
                val expected = one["faces"].asJsonArray.map { it.asJsonObject }
                assertEquals("$where: faces", expected.size, tracker.faces.size)
                expected.zip(tracker.faces).forEach { (wanted, found) -> compare(wanted, found) }
            }
        }

        override fun detect(): List<Face> {
            assertTrue("$where: the detector should sleep", frame["detections"].isJsonArray)
            return frame["detections"].asJsonArray.map { it.asJsonObject }.map {
                val numbers = it["box"].asJsonArray.toList() + it["keypoints"].asJsonArray.flatMap { point -> point.asJsonArray }
                val read = FloatArray(numbers.size) { i -> numbers[i].asFloat }
                Face(read, it["score"].asFloat, frame["width"].asInt, frame["height"].asInt)
            }
        }

        override fun landmarks(region: Region): FloatArray {
            val call = frame["calls"].asJsonArray[made++].asJsonObject
            compare(call["roi"].asJsonObject, region.toRotatedRect())
            val row = call["row"].asInt * (LandmarkModel.NUMBERS + 1)
            return calls.copyOfRange(row, row + LandmarkModel.NUMBERS + 1)
        }

        private fun compare(wanted: JsonObject, found: TrackedFace) {
            assertEquals("$where: track", wanted["track"].asInt, found.track)
            assertEquals("$where: age", wanted["age"].asInt, found.age)
            assertEquals("$where: state", wanted["state"].asString, found.state.name.lowercase())
            assertEquals("$where: presence", wanted["presence"].asFloat, found.presence, TOLERANCE)
            val face = found.face
            assertEquals("$where: score", wanted["score"].asFloat, face.score, TOLERANCE)
            val box = face.normalizedBoundingBox
            compare("box", wanted["box"].asJsonArray, listOf(box.left, box.top, box.width(), box.height()))
            wanted["keypoints"].asJsonArray.zip(face.normalizedKeypoints.toList()).forEach { (point, keypoint) ->
                compare("keypoint", point.asJsonArray, listOf(keypoint.x, keypoint.y))
            }
            assertEquals("$where: roll", wanted["roll_degrees"].asFloat, face.rollDegrees, DEGREES)
            compare(wanted["roi"].asJsonObject, face.rotatedRect)
            val row = wanted["row"].asInt * LandmarkModel.NUMBERS
            val points = FloatArray(LandmarkModel.NUMBERS).also(face.normalizedLandmarks::copyInto)
            for (i in points.indices) assertEquals("$where: landmark ${i / 3}", landmarks[row + i], points[i], TOLERANCE)
        }

        private fun compare(wanted: JsonObject, found: RotatedRect) {
            val pixels = TOLERANCE * maxOf(frame["width"].asInt, frame["height"].asInt)
            val center = wanted["center"].asJsonArray
            val size = wanted["size"].asJsonArray
            val pairs = listOf(center[0] to found.centerX, center[1] to found.centerY, size[0] to found.width, size[1] to found.height)
            pairs.forEach { (number, other) -> assertEquals("$where: region", number.asFloat, other, pixels) }
            assertEquals("$where: region's turn", wanted["rotation_degrees"].asFloat, found.rotationDegrees, DEGREES)
        }

        private fun compare(what: String, wanted: JsonArray, found: List<Float>) {
            wanted.zip(found).forEach { (number, other) -> assertEquals("$where: $what", number.asFloat, other, TOLERANCE) }
        }
    }

    private companion object {
        const val TOLERANCE = 1e-4f
        const val DEGREES = 0.01f
    }
}
