// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import android.graphics.Bitmap
import com.google.gson.JsonObject
import java.nio.ByteBuffer
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.GraphicsMode

/** Crops are what the reference makes, for every format, rotation and stride. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class CropGoldenTest {
    private val golden = GoldenFolder("sequences")
    private val samplers = Sampling.entries.associateWith(::CropSampler)
    private val sampler = samplers.getValue(Sampling.AREA)
    private val copy = FrameCopy()
    private val crop = FloatArray(LandmarkModel.INPUT_NUMBERS)

    @Test
    fun `every case agrees with the reference`() {
        val cases = golden.cases("warp")
        assertTrue("only ${cases.size} cases", cases.size >= 10)
        // Forwards and backwards, since buffers are kept.
        (cases + cases.reversed()).forEach { check(it, golden.frame(it["pixels"].asJsonObject)) }
    }

    @Test
    fun `a copy gives the same crop as the frame`() {
        for (case in golden.cases("warp")) {
            copy.set(golden.frame(case["pixels"].asJsonObject), 0, false)
            check(case, copy.frame)
        }
    }

    @Test
    fun `planes with strides of their own give the same crop`() {
        for (case in golden.cases("warp")) {
            val frame = golden.frame(case["pixels"].asJsonObject)
            val y = checkNotNull(frame.plane)
            val u = frame.u ?: continue
            val v = checkNotNull(frame.v)
            val width = (frame.width + 1) / 2
            val height = (frame.height + 1) / 2
            val spread = Frame.yuv(frame.width, frame.height, y, u, spread(v, width, height)).withColours(frame.range, frame.matrix)
            check(case, spread)
            copy.set(spread, 0, false)
            check(case, copy.frame)
        }
    }

    @Test
    fun `packed pixels that are not whole numbers of four bytes give the same crop`() {
        for (case in golden.cases("warp").filter { it["pixels"].asJsonObject["format"].asString == "rgba" }) {
            val frame = golden.frame(case["pixels"].asJsonObject)
            val plane = checkNotNull(frame.plane)
            // Rows an odd number of bytes apart; and no byte after the last colour.
            for (rowStride in listOf(frame.width * 4, frame.width * 4 + 3)) {
                val bytes = ByteArray(rowStride * (frame.height - 1) + frame.width * 4 - 1)
                for (row in 0 until frame.height) {
                    for (i in 0 until minOf(frame.width * 4, bytes.size - row * rowStride)) {
                        bytes[row * rowStride + i] = plane.buffer.get(row * plane.rowStride + i)
                    }
                }
                check(case, Frame.rgba(frame.width, frame.height, Plane(ByteBuffer.wrap(bytes), rowStride, 4)))
            }
        }
    }

    @Test
    fun `a frame that was cut short is refused, and its buffers stay as they were`() {
        val frame = golden.cases("warp").map { golden.frame(it["pixels"].asJsonObject) }.first { it.v != null }
        val v = checkNotNull(frame.v)
        val region = Region().apply { set(frame.width / 2.0, frame.height / 2.0, 30.0, 30.0, 0.0) }
        v.buffer.position(3).limit(4)
        assertThrows(InvalidFrameException::class.java) { sampler.sample(frame, 0, false, region, crop) }
        assertEquals(3, v.buffer.position())
        assertThrows(InvalidFrameException::class.java) { copy.set(frame, 0, false) }
    }

    @Test
    fun `a bitmap gives the same crop as its bytes, and so does its copy`() {
        for (case in golden.cases("warp").filter { it["pixels"].asJsonObject["format"].asString == "rgba" }) {
            val bitmap = bitmap(golden.frame(case["pixels"].asJsonObject))
            check(case, Frame.of(bitmap))
            copy.set(Frame.of(bitmap), 0, false)
            check(case, copy.frame)
        }
    }

    @Test
    fun `a region of any size and place can be sampled`() {
        val pixels = golden.cases("warp").map { it["pixels"].asJsonObject }.distinctBy { it["format"].asString }
        val region = Region()
        for (frame in pixels.map(golden::frame) + packedPixel() + planarPixel()) {
            for (size in listOf(0.0, 1e-9, 1.0, 5e3, 1e12, 1e300)) {
                for (centre in listOf(-1e300, -1e6, 0.0, 20.0, 1e6, 1e300)) {
                    for (rotation in listOf(0, 90, 180, 270)) {
                        region.set(centre, -centre, size, size, 33.0)
                        sampler.sample(frame, rotation, rotation > 90, region, crop)
                        assertTrue(crop.all { it in 0f..1f })
                    }
                }
            }
        }
    }

    private fun check(case: JsonObject, frame: Frame) {
        val name = case["case"].asString
        val roi = case["roi"].asJsonObject
        val (x, y) = roi["center"].asJsonArray.map { it.asDouble }
        val (width, height) = roi["size"].asJsonArray.map { it.asDouble }
        val region = Region().apply { set(x, y, width, height, roi["rotation_degrees"].asDouble) }
        crop.fill(Float.NaN)
        samplers.getValue(Sampling.valueOf(case["sampling"].asString.uppercase()))
            .sample(frame, case["rotation"].asInt, case["mirrored"].asBoolean, region, crop)
        val expected = golden.floats(case["input"].asJsonObject["file"].asString)
        val numbers = 3 * LandmarkModel.INPUT_WIDTH
        for ((index, row) in case["rows"].asJsonArray.map { it.asInt }.withIndex()) {
            for (i in 0 until numbers) {
                assertEquals("$name: row $row, number $i", expected[index * numbers + i], crop[row * numbers + i], STEP)
            }
        }
        assertTrue("$name: a number was left out", crop.none(Float::isNaN))
    }

    private fun packedPixel(): Frame = Frame.rgba(1, 1, Plane(ByteBuffer.allocate(4), 4, 4))

    private fun planarPixel(): Frame {
        val sample = Plane(ByteBuffer.allocate(1), 1, 1)
        return Frame.yuv(1, 1, sample, sample, sample)
    }

    /** The same samples, one byte further apart. */
    private fun spread(plane: Plane, width: Int, height: Int): Plane {
        val pixelStride = plane.pixelStride + 1
        val bytes = ByteArray(width * pixelStride * height)
        for (row in 0 until height) {
            for (column in 0 until width) {
                bytes[row * width * pixelStride + column * pixelStride] =
                    plane.buffer.get(row * plane.rowStride + column * plane.pixelStride)
            }
        }
        return Plane(ByteBuffer.wrap(bytes), width * pixelStride, pixelStride)
    }

    private fun bitmap(frame: Frame): Bitmap {
        val plane = checkNotNull(frame.plane)
        val colours = IntArray(frame.width * frame.height) { i ->
            val at = i / frame.width * plane.rowStride + i % frame.width * plane.pixelStride
            fun byte(channel: Int) = plane.buffer.get(at + channel).toInt() and 0xff
            (0xff shl 24) or (byte(0) shl 16) or (byte(1) shl 8) or byte(2)
        }
        return Bitmap.createBitmap(colours, frame.width, frame.height, Bitmap.Config.ARGB_8888)
    }

    private companion object {
        /** A tenth of a byte's step. */
        const val STEP = 0.1f / 255
    }
}
