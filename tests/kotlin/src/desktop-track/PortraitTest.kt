// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import com.example.blazeface.track.benchmark.portrait
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment

/** The frame that the on-device benchmark follows a face in. */
@RunWith(RobolectricTestRunner::class)
class PortraitTest {
    private val golden = DesktopEngines.open(Model.SELF_TEST_ASSET).use { it.readBytes() }

    @Test
    fun `both shipped models find the face once and then follow it, where it is in the photograph`() {
        val context = RuntimeEnvironment.getApplication()
        for ((width, height) in listOf(1280 to 720, 721 to 1281)) {
            val side = minOf(width, height)
            val frame = portrait(golden, width, height)
            FaceTracker.opening(context, FaceTrackerOptions(), DesktopEngines, DesktopEngines::open).blocking().use { tracker ->
                repeat(FRAMES) { index ->
                    val found = tracker.track(frame, index.toLong())
                    assertEquals(height to width, found.imageWidth to found.imageHeight)
                    val face = found.faces.single()
                    assertTrue("presence ${face.presence} in frame $index", face.presence > 0.999f)
                    assertEquals(0f, face.face.rollDegrees, 10f)
                    val box = face.face.boundingBox
                    assertEquals((height - side) / 2f + 0.385f * side, box.centerX(), 0.03f * side)
                    assertEquals((width - side) / 2f + 0.48f * side, box.centerY(), 0.06f * side)
                }
                assertEquals(1, tracker.detectorRuns)
            }
        }
    }

    @Test
    fun `the suit in the photograph's corner is orange, and beside the photograph all is grey`() {
        val frame = portrait(golden, 1280, 720)
        fun u(row: Int, column: Int) = sample(frame.u, row / 2, column / 2)
        fun v(row: Int, column: Int) = sample(frame.v, row / 2, column / 2)
        // The frame lies turned: its lowest row is the upright image's left column.
        val (row, column) = 719 - 20 to 280 + 700
        assertTrue("u ${u(row, column)}, v ${v(row, column)}", u(row, column) < 100 && v(row, column) > 160)
        assertEquals(listOf(128, 128, 128), listOf(sample(frame.plane, 0, 0), u(0, 0), v(0, 0)))
    }

    private fun sample(plane: Plane?, row: Int, column: Int): Int =
        checkNotNull(plane).let { it.buffer.get(row * it.rowStride + column * it.pixelStride).toInt() and 0xff }

    private companion object {
        const val FRAMES = 20
    }
}
