package com.example.blazeface

import com.google.gson.JsonObject
import java.nio.ByteBuffer
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** Preprocessing gives what the reference gives, for every format, rotation and stride. */
class PreprocessorGoldenTest {
    private val preprocessor = Preprocessor()
    private val input = FloatArray(Model.INPUT_NUMBERS)

    @Test
    fun `every case agrees with the reference`() {
        val cases = Golden.cases("preprocess")
        assertTrue("no cases", Model.NAME != "blazeface-front" || cases.size >= 8)
        // Forwards and backwards, since tables and rows are kept.
        (cases + cases.reversed()).forEach(::check)
    }

    private fun check(case: JsonObject) {
        val name = case["case"].asString
        val rotation = case["rotation"].asInt
        val mirrored = case["mirrored"].asBoolean
        val frame = frame(case["pixels"].asJsonObject)
        input.fill(Float.NaN)
        preprocessor.process(frame, rotation, mirrored, input)
        val expected = Golden.floats(case["input"].asJsonObject["file"].asString)
        val tolerance = 255 * Model.INPUT_SCALE / 255
        assertEquals(expected.size, input.size)
        for (i in input.indices) assertEquals("$name: number $i", expected[i], input[i], tolerance / 100)
    }

    private fun frame(pixels: JsonObject): Frame {
        val width = pixels["width"].asInt
        val height = pixels["height"].asInt
        val range = if (pixels["range"]?.asString == "video") YuvRange.VIDEO else YuvRange.FULL
        val planes = pixels["planes"].asJsonArray.map { it.asJsonObject }
            .map { Plane(Golden.bytes(it["file"].asString), it["row_stride"].asInt, it["pixel_stride"].asInt) }
        return when (pixels["format"].asString) {
            "rgba" -> Frame.rgba(width, height, planes[0])
            "bgra" -> Frame.rgba(width, height, swapped(planes[0]))
            "i420" -> Frame.yuv(width, height, planes[0], planes[1], planes[2], range = range)
            "nv12" -> {
                // As Android shows it: two planes that overlap, one byte apart.
                val (y, chroma) = planes
                chroma.buffer.position(1)
                val v = Plane(chroma.buffer.slice(), chroma.rowStride, chroma.pixelStride)
                chroma.buffer.position(0)
                Frame.yuv(width, height, y, chroma, v, range = range)
            }
            else -> error("unknown format ${pixels["format"]}")
        }
    }

    /** Android has no BGRA: the same pixels in the order it has. */
    private fun swapped(plane: Plane): Plane {
        val bytes = ByteArray(plane.buffer.remaining()).also { plane.buffer.get(it) }
        for (row in 0 until bytes.size step plane.rowStride) {
            for (at in row until minOf(row + plane.rowStride, bytes.size) - 2 step plane.pixelStride) {
                bytes[at] = bytes[at + 2].also { bytes[at + 2] = bytes[at] }
            }
        }
        return Plane(ByteBuffer.wrap(bytes), plane.rowStride, plane.pixelStride)
    }
}
