// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import com.google.gson.JsonObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** Decoding and blending give what the reference gives, for real outputs and for the hard cases. */
@RunWith(RobolectricTestRunner::class)
class PostprocessorGoldenTest {
    @Test
    fun `every case agrees with the reference`() {
        val cases = Golden.cases("postprocess")
        assertTrue("no cases for ${Model.NAME}", cases.size >= 3)
        cases.forEach(::check)
    }

    private fun check(case: JsonObject) {
        val name = case["case"].asString
        val options = case["options"].asJsonObject
        val image = case["image"].asJsonObject
        val maximum = options["maximum_faces"].takeUnless { it.isJsonNull }?.asInt
        val postprocessor =
            Postprocessor(options["minimum_score"].asFloat, options["blending_iou"].asFloat, maximum)
        val outputs = case["outputs"].asJsonObject
        val raw = Golden.floats(outputs["predictions"].asJsonObject["file"].asString)
        val width = image["width"].asInt
        val height = image["height"].asInt

        // Twice, since buffers are kept.
        repeat(2) {
            val faces = postprocessor.faces(raw, Letterbox(width, height))
            val expected = case["faces"].asJsonArray.map { it.asJsonObject }
            assertEquals("$name: number of faces", expected.size, faces.size)
            faces.zip(expected).forEach { (face, wanted) -> compare(name, face, wanted) }
        }
    }

    private fun compare(name: String, face: Face, wanted: JsonObject) {
        assertEquals("$name: score", wanted["score"].asFloat, face.score, TOLERANCE)
        val box = wanted["box"].asJsonArray.map { it.asFloat }
        val found = face.normalizedBoundingBox
        assertEquals("$name: left", box[0], found.left, TOLERANCE)
        assertEquals("$name: top", box[1], found.top, TOLERANCE)
        assertEquals("$name: width", box[2], found.width(), TOLERANCE)
        assertEquals("$name: height", box[3], found.height(), TOLERANCE)
        val points = face.normalizedKeypoints.toList()
        wanted["keypoints"].asJsonArray.map { it.asJsonArray }.zip(points).forEach { (point, keypoint) ->
            assertEquals("$name: keypoint x", point[0].asFloat, keypoint.x, TOLERANCE)
            assertEquals("$name: keypoint y", point[1].asFloat, keypoint.y, TOLERANCE)
        }
        val roi = wanted["roi"].asJsonObject
        val rect = face.rotatedRect
        val pixels = TOLERANCE * maxOf(face.imageWidth, face.imageHeight) * 2
        assertEquals("$name: centre x", roi["center"].asJsonArray[0].asFloat, rect.centerX, pixels)
        assertEquals("$name: centre y", roi["center"].asJsonArray[1].asFloat, rect.centerY, pixels)
        assertEquals("$name: side", roi["size"].asJsonArray[0].asFloat, rect.width, pixels)
        assertEquals("$name: roll", wanted["roll_degrees"].asFloat, face.rollDegrees, 0.02f)
    }

    private companion object {
        const val TOLERANCE = 1e-5f
    }
}
