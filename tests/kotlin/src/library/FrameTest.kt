// SPDX-License-Identifier: Apache-2.0
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

/** As opposed to an image's own. */
private typealias FramePlane = Plane

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
    fun `a hardware bitmap is copied to where it can be read`() {
        val bitmap = Bitmap.createBitmap(8, 8, Bitmap.Config.ARGB_8888).copy(Bitmap.Config.HARDWARE, false)
        assertEquals("HARDWARE", bitmap.config?.name)
        assertEquals(Bitmap.Config.ARGB_8888, checkNotNull(Frame.of(bitmap).bitmap).config)
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

    private fun input(frame: Frame, rotation: Int = 0, mirrored: Boolean = false) =
        FloatArray(Model.INPUT_NUMBERS).also { Preprocessor().process(frame, rotation, mirrored, it) }

    private fun pixels(count: Int) = ByteArray(count) { (it * 31 + it / 7).toByte() }

    @Test
    fun `a plane begins at its buffer's position, which nothing moves`() {
        val width = 22
        val height = 14
        val bytes = pixels(width * height * 3 / 2)
        fun part(from: Int) = Plane(ByteBuffer.wrap(bytes.copyOfRange(from, bytes.size)), width, 2)
        val apart = Frame.yuv(
            width, height, Plane(ByteBuffer.wrap(bytes), width, 1), part(width * height + 1), part(width * height),
        )
        val shared = ByteBuffer.wrap(bytes)
        val y = Plane(shared, width, 1)
        val v = Plane(shared.apply { position(width * height) }, width, 2)
        val u = Plane(shared.apply { position(width * height + 1) }, width, 2)
        shared.position(5)
        val together = Frame.yuv(width, height, y, u, v)
        assertArrayEquals(input(apart), input(together), 0f)
        assertArrayEquals(input(apart), input(Frame.nv21(bytes, width, height)), 0f)
        assertEquals(5, shared.position())
        shared.limit(64)
        assertThrows(InvalidFrameException::class.java) { input(together) }
        assertEquals("also when reading fails", 5, shared.position())
    }

    @Test
    fun `YV12 is read with its strides, and short arrays are refused`() {
        val width = 22
        val height = 14
        val y = 32 * height
        val bytes = pixels(y + 2 * 16 * 7)
        fun part(from: Int, stride: Int) = Plane(ByteBuffer.wrap(bytes.copyOfRange(from, bytes.size)), stride, 1)
        val planes = Frame.yuv(width, height, part(0, 32), part(y + 16 * 7, 16), part(y, 16))
        assertArrayEquals(input(planes), input(Frame.yv12(bytes, width, height)), 0f)
        assertThrows(InvalidFrameException::class.java) { Frame.yv12(bytes.copyOf(bytes.size - 6), width, height) }
        assertThrows(InvalidFrameException::class.java) { Frame.nv21(bytes.copyOf(100), width, height) }
    }

    @Test
    fun `an image is what its crop rectangle holds, also where that begins at an odd pixel`() {
        val width = 32
        val height = 24
        val crop = android.graphics.Rect(5, 3, 28, 20)
        val bytes = pixels(width * height * 4)
        val whole = Bitmap.createBitmap(colours(bytes, width, height), width, height, Bitmap.Config.ARGB_8888)
        val part = Bitmap.createBitmap(whole, crop.left, crop.top, crop.width(), crop.height())
        val image = FakeImage(width, height, android.graphics.PixelFormat.RGBA_8888, crop, Plane(ByteBuffer.wrap(bytes), width * 4, 4))
        for (rotation in listOf(0, 90, 180, 270)) {
            val expected = input(Frame.of(part), rotation, mirrored = true)
            assertArrayEquals(expected, input(Frame.of(image), rotation, mirrored = true), 1e-6f)
        }
        assertEquals(crop.width(), Frame.of(image).width)
        // Chroma has half as many samples, of which an odd pixel has the one before: all is grey but one colour sample.
        val grey = ByteArray(width * height) { 100 }
        val blue = ByteArray(width * height / 4) { 128.toByte() }.also { it[2 * 16 + 4] = 0 }
        val red = ByteArray(width * height / 4) { 128.toByte() }
        val yuv = FakeImage(
            width, height, android.graphics.ImageFormat.YUV_420_888, crop, Plane(ByteBuffer.wrap(grey), width, 1),
            Plane(ByteBuffer.wrap(blue), 16, 1), Plane(ByteBuffer.wrap(red), 16, 1),
        )
        // The sample is of the pixels 8 and 9 across, 4 and 5 down: 3 and 4, 1 and 2 of the crop.
        val found = input(Frame.of(yuv))
        val box = Letterbox(crop.width(), crop.height())
        for (cell in 0 until Model.INPUT_WIDTH * Model.INPUT_HEIGHT) {
            val x = box.x((cell % Model.INPUT_WIDTH).toDouble() / Model.INPUT_WIDTH) * crop.width()
            val y = box.y((cell / Model.INPUT_WIDTH).toDouble() / Model.INPUT_HEIGHT) * crop.height()
            val inside = x > 3 && x < 4 && y > 1 && y < 2
            val outside = x < 2 || x > 5 || y < 0 || y > 3
            if (inside) assertTrue("$x $y", found[3 * cell + 2] < Model.input(0f) + 1e-4f)
            if (outside && x in 0.0..22.0 && y in 0.0..16.0) assertEquals("$x $y", Model.input(100f), found[3 * cell + 2], 1e-4f)
        }
    }

    private fun colours(bytes: ByteArray, width: Int, height: Int) = IntArray(width * height) {
        Color.rgb(bytes[4 * it].toInt() and 0xff, bytes[4 * it + 1].toInt() and 0xff, bytes[4 * it + 2].toInt() and 0xff)
    }

    private class FakeImage(
        private val across: Int,
        private val down: Int,
        private val kind: Int,
        crop: android.graphics.Rect,
        vararg planes: FramePlane,
    ) : android.media.Image() {
        private val parts = planes.map {
            object : Plane() {
                override fun getRowStride(): Int = it.rowStride

                override fun getPixelStride(): Int = it.pixelStride

                override fun getBuffer(): ByteBuffer = it.buffer
            }
        }

        init {
            mIsImageValid = true
            cropRect = crop
        }

        override fun getFormat(): Int = kind

        override fun getWidth(): Int = across

        override fun getHeight(): Int = down

        override fun getTimestamp(): Long = 0

        override fun getTransform(): Int = 0

        override fun getScalingMode(): Int = 0

        override fun getPlaneCount(): Int = parts.size

        override fun getPlanes(): Array<Plane> = parts.toTypedArray()

        override fun close() = Unit
    }

    @Test
    fun `a region is seen as a crop of it is, and its results lie in the whole frame`() {
        val width = 60
        val height = 40
        val bitmap = Bitmap.createBitmap(colours(pixels(width * height * 4), width, height), width, height, Bitmap.Config.ARGB_8888)
        val part = Bitmap.createBitmap(bitmap, 10, 5, 30, 20)
        val frame = Frame.of(bitmap).withRegion(android.graphics.RectF(10.2f, 5f, 39.5f, 24.1f))
        assertArrayEquals(input(Frame.of(part)), input(frame), 1e-6f)
        val within = Letterbox(30, 20)
        val whole = Letterbox(width, height, frame.region)
        for (at in listOf(0.0, 0.3, 1.0)) {
            assertEquals(within.x(at) * 30 + 10, whole.x(at) * width, 1e-9)
            assertEquals(within.y(at) * 20 + 5, whole.y(at) * height, 1e-9)
        }
        // Turned by a quarter: the region is of the upright frame.
        val turned = android.graphics.Matrix().apply { postRotate(90f) }
        val upright = Bitmap.createBitmap(bitmap, 0, 0, width, height, turned, false)
        val expected = input(Frame.of(Bitmap.createBitmap(upright, 10, 5, 30, 20)))
        assertArrayEquals(expected, input(frame, rotation = 90), 1e-6f)
        assertThrows(InvalidOptionException::class.java) { Frame.of(bitmap).withRegion(android.graphics.RectF(70f, 0f, 80f, 9f)) }
    }

    @Test
    fun `a decoded photograph stands upright as its EXIF says`() {
        val bitmap = Bitmap.createBitmap(64, 32, Bitmap.Config.ARGB_8888).apply { eraseColor(Color.RED) }
        val jpeg = java.io.ByteArrayOutputStream().also { bitmap.compress(Bitmap.CompressFormat.JPEG, 90, it) }.toByteArray()
        val expected = mapOf(
            1 to (0 to false), 2 to (0 to true), 3 to (180 to false), 4 to (180 to true), 5 to (90 to true), 6 to (90 to false),
            7 to (270 to true), 8 to (270 to false),
        )
        for ((orientation, wanted) in expected) {
            val frame = Frame.decode(withOrientation(jpeg, orientation))
            assertEquals("$orientation", wanted, frame.rotationDegrees to frame.mirrored)
            assertEquals(64, frame.width)
        }
        assertEquals(16, Frame.decode(jpeg, longestSide = 16).width)
        assertThrows(InvalidFrameException::class.java) { Frame.decode(ByteArray(100)) }
        val file = java.io.File.createTempFile("photograph", ".jpg").apply { writeBytes(withOrientation(jpeg, 6)) }
        val uri = android.net.Uri.fromFile(file)
        assertEquals(90, Frame.decode(Fakes.context, uri).rotationDegrees)
        file.delete()
        assertThrows(InvalidFrameException::class.java) { Frame.decode(Fakes.context, uri) }
    }

    /** Puts an EXIF segment behind the beginning of a JPEG file. */
    private fun withOrientation(jpeg: ByteArray, orientation: Int): ByteArray {
        val tiff = ByteBuffer.allocate(26).put("MM".toByteArray()).putShort(42).putInt(8)
            .putShort(1).putShort(0x112).putShort(3).putInt(1).putShort(orientation.toShort()).putShort(0).putInt(0).array()
        val exif = "Exif".toByteArray() + byteArrayOf(0, 0) + tiff
        val segment = ByteBuffer.allocate(4 + exif.size).putShort(0xffe1.toShort()).putShort((exif.size + 2).toShort()).put(exif)
        return jpeg.copyOf(2) + segment.array() + jpeg.copyOfRange(2, jpeg.size)
    }

    @Test
    fun `decoded frames are HD from 720 lines up, and cameras' frames never`() {
        fun matrix(range: YuvRange, height: Int): YuvMatrix {
            val chroma = plane(8 * (height + 1) / 2, 8)
            return Frame.yuv(16, height, plane(16 * height, 16), chroma, chroma, range = range).matrix
        }
        assertEquals(YuvMatrix.BT601, matrix(YuvRange.VIDEO, 719))
        assertEquals(YuvMatrix.BT709, matrix(YuvRange.VIDEO, 720))
        assertEquals(YuvMatrix.BT601, matrix(YuvRange.FULL, 1080))
        val frame = Frame.yuv(16, 16, plane(256, 16), plane(64, 8), plane(64, 8))
        val wide = frame.withColours(YuvRange.VIDEO, YuvMatrix.BT2020)
        assertEquals(YuvMatrix.BT2020 to YuvRange.VIDEO, wide.matrix to wide.range)
        assertEquals(YuvMatrix.BT2020, wide.withRegion(android.graphics.RectF(0f, 0f, 8f, 8f)).matrix)
        assertEquals(YuvMatrix.BT601, wide.withColours(YuvRange.FULL).matrix)
    }

    @Test
    fun `averages of white are white, whatever the layout`() {
        for ((width, height) in listOf(640 to 360, 301 to 999, 3001 to 31, 32_768 to 3)) {
            val chromaWidth = (width + 1) / 2
            val chromaHeight = (height + 1) / 2
            fun white(width: Int, height: Int, pixelStride: Int, padding: Int, sampleBytes: Int): Plane {
                val rowStride = (width - 1) * pixelStride + sampleBytes + padding
                val bytes = ByteArray(1 + rowStride * height - padding)
                for (row in 0 until height) {
                    for (sample in 0 until width) for (i in 0 until sampleBytes) bytes[1 + row * rowStride + sample * pixelStride + i] = -1
                }
                return Plane(ByteBuffer.wrap(bytes).apply { position(1) }, rowStride, pixelStride)
            }
            val frames = listOf(3, 4, 5).flatMap { step -> listOf(0, 3).map { Frame.rgba(width, height, white(width, height, step, it, 3)) } } +
                listOf(1, 2, 3).map { step ->
                    val grey = Plane(ByteBuffer.wrap(ByteArray(chromaHeight * (chromaWidth * step + 1)) { -128 }), chromaWidth * step + 1, step)
                    Frame.yuv(width, height, white(width, height, step, step, 1), grey, grey)
                }
            for (frame in frames) {
                for (rotation in listOf(0, 90, 180, 270)) {
                    val input = FloatArray(Model.INPUT_NUMBERS).also { Preprocessor().process(frame, rotation, rotation > 90, it) }
                    val white = Model.input(255f)
                    assertTrue("$width × $height", input.all { it == Model.input(0f) || Math.abs(it - white) < 1e-4f })
                    assertTrue("$width × $height", input.any { Math.abs(it - white) < 1e-4f })
                }
            }
        }
    }

    @Test
    fun `a region is averaged like a frame of its own, and a bitmap like its bytes`() {
        val bytes = ByteArray(700 * 500 * 4).also { java.util.Random(3).nextBytes(it) }
        val whole = Frame.rgba(700, 500, Plane(ByteBuffer.wrap(bytes), 2800, 4))
        val start = ByteBuffer.wrap(bytes).apply { position(50 * 2800 + 101 * 4) }
        val cut = Frame.rgba(500, 400, Plane(start, 2800, 4))
        val region = whole.withRegion(android.graphics.RectF(101f, 50f, 601f, 450f))
        fun input(frame: Frame) = FloatArray(Model.INPUT_NUMBERS).also { Preprocessor().process(frame, 0, false, it) }
        assertArrayEquals(input(cut), input(region), 0f)
        val colours = IntArray(700 * 500) { i ->
            fun byte(channel: Int) = bytes[4 * i + channel].toInt() and 0xff
            (0xff shl 24) or (byte(0) shl 16) or (byte(1) shl 8) or byte(2)
        }
        assertArrayEquals(input(whole), input(Frame.of(Bitmap.createBitmap(colours, 700, 500, Bitmap.Config.ARGB_8888))), 0f)
    }

    @Test
    fun `options are equal by their values, and say them`() {
        val options = FaceDetectorOptions(minimumScore = 0.7f)
        assertEquals(options, FaceDetectorOptions.Builder().setMinimumScore(0.7f).build())
        assertEquals(options.hashCode(), options.toBuilder().build().hashCode())
        assertTrue(options != options.toBuilder().setCpuThreads(3).build())
        assertTrue(options.toString(), options.toString().contains("minimumScore=0.7, "))
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
