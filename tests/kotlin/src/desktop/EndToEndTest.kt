// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import android.graphics.BitmapFactory
import com.google.gson.JsonParser
import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.GraphicsMode

/** A photograph, a real bitmap, the shipped model on LiteRT: the faces are those that the reference finds. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class EndToEndTest {
    @Test
    fun `a photograph gives the reference's faces`() {
        val bitmap = BitmapFactory.decodeFile(System.getProperty("sdkgen.photograph"))
        assertNotNull("the photograph cannot be decoded", bitmap)
        val context = RuntimeEnvironment.getApplication()
        FaceDetector.opening(context, FaceDetectorOptions(), DesktopEngines, DesktopEngines::open).blocking().use {
            assertEquals(Backend.CPU, it.activeBackend)
            val faces = it.detect(bitmap)
            val expected = JsonParser.parseString(File(System.getProperty("sdkgen.expected")).readText())
                .asJsonObject[Model.SHA256].asJsonArray
            assertEquals(expected.size(), faces.size)
            for ((face, entry) in faces.zip(expected)) {
                val wanted = entry.asJsonObject
                assertEquals(wanted["score"].asFloat, face.score, TOLERANCE)
                val box = face.normalizedBoundingBox
                val found = listOf(box.left, box.top, box.width(), box.height()) +
                    face.normalizedKeypoints.toList().flatMap { point -> listOf(point.x, point.y) }
                val numbers = wanted["box"].asJsonArray.map { n -> n.asFloat } +
                    wanted["keypoints"].asJsonArray.flatMap { p -> p.asJsonArray.map { n -> n.asFloat } }
                numbers.zip(found).forEach { (a, b) -> assertEquals(a, b, TOLERANCE) }
            }
        }
    }

    private companion object {
        const val TOLERANCE = 0.001f
    }
}
