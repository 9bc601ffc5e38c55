package com.example.blazeface

import android.graphics.Bitmap
import android.graphics.Color
import java.nio.ByteBuffer
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.GraphicsMode

/** Frames that cannot be read are refused; bitmaps and buffers of the same pixels give the same input. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class FrameTest {
    private fun plane(bytes: Int, rowStride: Int, pixelStride: Int = 1) =
        Plane(ByteBuffer.allocate(bytes), rowStride, pixelStride)

    @Test
    fun `a recycled bitmap is refused`() {
        val bitmap = Bitmap.createBitmap(8, 8, Bitmap.Config.ARGB_8888)
        val frame = Frame.of(bitmap)
        bitmap.recycle()
        assertThrows(InvalidFrameException::class.java) { Frame.of(bitmap) }
        assertThrows(InvalidFrameException::class.java) {
            Preprocessor().process(frame, 0, false, FloatArray(Model.INPUT_NUMBERS))
        }
    }

    // Robolectric's graphics memory is the host's, so that only its older bitmaps keep this configuration.
    @Test
    @GraphicsMode(GraphicsMode.Mode.LEGACY)
    fun `a hardware bitmap is refused with the remedy`() {
        val bitmap = Bitmap.createBitmap(8, 8, Bitmap.Config.ARGB_8888).copy(Bitmap.Config.HARDWARE, false)
        val error = assertThrows(InvalidFrameException::class.java) { Frame.of(bitmap) }
        assertTrue(error.message.orEmpty().contains("ARGB_8888"))
    }

    @Test
    fun `planes that are too short or too narrow are refused`() {
        val y = plane(16 * 16, 16)
        val u = plane(8 * 8, 8)
        Frame.yuv(16, 16, y, u, u)
        listOf(
            { Frame.yuv(16, 16, plane(16 * 16 - 1, 16), u, u) },
            { Frame.yuv(16, 16, plane(16 * 16, 15), u, u) },
            { Frame.yuv(16, 16, y, plane(63, 8), u) },
            { Frame.yuv(16, 16, y, u, plane(64, 8, 2)) },
            { Frame.yuv(16, 16, y, u, plane(64, 8, 0)) },
            { Frame.yuv(17, 17, plane(17 * 17, 17), u, u) },
            { Frame.rgba(16, 16, plane(16 * 16 * 4, 64, 2)) },
            { Frame.rgba(16, 16, plane(16 * 16 * 4 - 2, 64, 4)) },
            { Frame.rgba(0, 16, plane(16, 64, 4)) },
            { Frame.rgba(1 shl 20, 1 shl 20, plane(16, 1 shl 30, 4)) },
        ).forEach { assertThrows(InvalidFrameException::class.java) { it() } }
        // The last row may end with its last sample.
        Frame.rgba(16, 16, plane(16 * 16 * 4 - 1, 64, 4))
    }

    @Test
    fun `turns other than quarters are refused`() {
        assertThrows(InvalidOptionException::class.java) { FaceDetectorOptions(rotationDegrees = 45) }
        assertThrows(InvalidOptionException::class.java) { Frame.rgba(1, 1, plane(4, 4, 4), rotationDegrees = -90) }
    }

    @Test
    fun `options out of range are refused`() {
        assertThrows(InvalidOptionException::class.java) { FaceDetectorOptions(minimumScore = 0f) }
        assertThrows(InvalidOptionException::class.java) { FaceDetectorOptions(minimumScore = Float.NaN) }
        assertThrows(InvalidOptionException::class.java) { FaceDetectorOptions(blendingIou = 1.5f) }
        assertThrows(InvalidOptionException::class.java) { FaceDetectorOptions(maximumFaces = 0) }
        assertThrows(InvalidOptionException::class.java) { FaceDetectorOptions.Builder().setCpuThreads(0).build() }
        assertEquals(0.7f, FaceDetectorOptions.Builder().setMinimumScore(0.7f).build().minimumScore)
    }

    @Test
    fun `a bitmap gives the input that a buffer of its pixels gives`() {
        val width = 37
        val height = 53
        val bytes = ByteArray(width * height * 4) { (it * 31 + it / 7).toByte() }
        val colours = IntArray(width * height) {
            Color.rgb(bytes[4 * it].toInt() and 0xff, bytes[4 * it + 1].toInt() and 0xff, bytes[4 * it + 2].toInt() and 0xff)
        }
        val bitmap = Bitmap.createBitmap(colours, width, height, Bitmap.Config.ARGB_8888)
        val buffer = Frame.rgba(width, height, Plane(ByteBuffer.wrap(bytes), width * 4, 4))
        val preprocessor = Preprocessor()
        for (rotation in listOf(0, 90, 180, 270)) {
            for (mirrored in listOf(false, true)) {
                val fromBitmap = FloatArray(Model.INPUT_NUMBERS)
                val fromBuffer = FloatArray(Model.INPUT_NUMBERS)
                preprocessor.process(Frame.of(bitmap), rotation, mirrored, fromBitmap)
                preprocessor.process(buffer, rotation, mirrored, fromBuffer)
                assertArrayEquals(fromBuffer, fromBitmap, 1e-6f)
            }
        }
    }

    @Test
    fun `a buffer's position is put back`() {
        val plane = plane(16 * 16 * 4, 64, 4)
        plane.buffer.position(3)
        Preprocessor().process(Frame.rgba(16, 16, plane), 0, false, FloatArray(Model.INPUT_NUMBERS))
        assertEquals(3, plane.buffer.position())
        val frame = Frame.rgba(16, 16, plane)
        plane.buffer.limit(64)
        assertThrows(InvalidFrameException::class.java) {
            Preprocessor().process(frame, 0, false, FloatArray(Model.INPUT_NUMBERS))
        }
        assertEquals("also when reading fails", 3, plane.buffer.position())
    }

    @Test
    fun `a crop's corners lie on the rotated rectangle`() {
        val numbers = FloatArray(Model.BOX_NUMBERS)
        floatArrayOf(0.25f, 0.25f, 0.5f, 0.5f, 0.4f, 0.4f, 0.5f, 0.5f).copyInto(numbers)
        val face = Face(numbers, 0.9f, 100, 100)
        assertEquals(45f, face.rollDegrees, 1e-4f)
        val rect = face.rotatedRect
        assertEquals(75f, rect.width, 1e-4f)
        val points = floatArrayOf(96f, 96f, 192f, 96f)
        face.cropTransform(192, 192).mapPoints(points)
        assertEquals(50f, points[0], 1e-3f)
        assertEquals(50f, points[1], 1e-3f)
        // The middle of the right edge: half a side along the roll.
        val step = 37.5f * Math.sqrt(0.5).toFloat()
        assertEquals(50f + step, points[2], 1e-3f)
        assertEquals(50f + step, points[3], 1e-3f)
    }
}
