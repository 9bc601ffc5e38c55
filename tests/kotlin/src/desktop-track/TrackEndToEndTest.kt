// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import android.graphics.BitmapFactory
import com.google.gson.JsonParser
import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.GraphicsMode

/** Images one after the other, real bitmaps, both shipped models on LiteRT: the frames are those of `sdkgen track`. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class TrackEndToEndTest {
    @Test
    fun `a sequence of images gives the reference's frames`() {
        val records = JsonParser.parseString(File(System.getProperty("sdkgen.tracked")).readText()).asJsonArray
        val context = RuntimeEnvironment.getApplication()
        FaceTracker.opening(context, FaceTrackerOptions(), DesktopEngines, DesktopEngines::open).blocking().use { tracker ->
            assertEquals(Backend.CPU, tracker.detectorStartup.activeBackend)
            assertEquals(Backend.CPU, tracker.landmarkStartup.activeBackend)
            assertTrue(tracker.backendReason, tracker.backendReason.contains("no GPU here"))
            for ((index, record) in records.map { it.asJsonObject }.withIndex()) {
                val bitmap = BitmapFactory.decodeFile(record["image"].asString)
                val frame = tracker.track(bitmap, index * 1000L / 30)
                assertEquals("frame $index", record["detector_ran"].asBoolean, frame.detectorRan)
                assertEquals("frame $index", record["lost"].asJsonArray.map { it.asInt }, frame.lost)
                val expected = record["faces"].asJsonArray.map { it.asJsonObject }
                assertEquals("frame $index", expected.size, frame.faces.size)
                for ((wanted, found) in expected.zip(frame.faces)) {
                    assertEquals(wanted["track"].asInt, found.track)
                    assertEquals(wanted["state"].asString, found.state.name.lowercase())
                    assertEquals(wanted["presence"].asFloat, found.presence, TOLERANCE)
                    val box = found.face.normalizedBoundingBox
                    val numbers = wanted["box"].asJsonObject.let { box ->
                        listOf("x", "y", "width", "height").map { box[it].asFloat }
                    } + wanted["landmarks"].asJsonArray.flatMap { point -> point.asJsonArray.map { it.asFloat } }
                    val ours = listOf(box.left, box.top, box.width(), box.height()) +
                        found.face.normalizedLandmarks.toList().flatMap { listOf(it.x, it.y, it.z) }
                    assertEquals(4 + LandmarkModel.NUMBERS, ours.size)
                    numbers.zip(ours).forEach { (a, b) -> assertEquals("frame $index", a, b, TOLERANCE) }
                }
            }
            assertEquals(records.size().toLong(), tracker.frames)
            assertEquals(records.count { it.asJsonObject["detector_ran"].asBoolean }.toLong(), tracker.detectorRuns)
        }
    }

    private companion object {
        const val TOLERANCE = 0.001f
    }
}
