// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** A folder of golden vectors: inputs, and what the reference makes of them. */
internal open class GoldenFolder(name: String) {
    private val folder = File(System.getProperty("golden", "src/test/golden"), name)

    fun cases(kind: String): List<JsonObject> = folder.listFiles { file -> file.extension == "json" }.orEmpty().sorted()
        .map { JsonParser.parseString(it.readText()).asJsonObject }
        .filter { it["kind"].asString == kind }

    fun floats(name: String): FloatArray {
        val buffer = ByteBuffer.wrap(folder.resolve(name).readBytes()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
        return FloatArray(buffer.remaining()).also(buffer::get)
    }

    /** The frame that a case's `pixels` describe. */
    fun frame(pixels: JsonObject): Frame {
        val width = pixels["width"].asInt
        val height = pixels["height"].asInt
        val range = if (pixels["range"]?.asString == "video") YuvRange.VIDEO else YuvRange.FULL
        val matrix = YuvMatrix.valueOf(pixels["matrix"].asString.uppercase())
        val planes = pixels["planes"].asJsonArray.map { it.asJsonObject }
            .map { Plane(bytes(it), it["row_stride"].asInt, it["pixel_stride"].asInt) }
        return frame(pixels["format"].asString, width, height, planes, range).withColours(range, matrix)
    }

    private fun frame(format: String, width: Int, height: Int, planes: List<Plane>, range: YuvRange): Frame =
        when (format) {
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
            else -> error("unknown format $format")
        }

    /** Bytes in a direct buffer, as cameras hand them over. */
    private fun bytes(plane: JsonObject): ByteBuffer {
        val read = plane["file"]?.let { folder.resolve(it.asString).readBytes() }
            ?: pattern(plane["bytes"].asInt, plane["row_stride"].asInt, plane["pattern"].asInt)
        return ByteBuffer.allocateDirect(read.size).put(read).rewind() as ByteBuffer
    }

    /** The pattern of tests/golden/buffers.py. */
    private fun pattern(count: Int, rowStride: Int, plane: Int) = ByteArray(count) {
        val row = it / rowStride
        val column = it % rowStride
        val ramp = ((row * 5 + column * 2 + 64 * plane) shr 2) and 0x7f
        (ramp + (((row shl 16) xor column) * -1640531535 ushr 25)).toByte()
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

/** The golden vectors of this variant's detector. */
internal object Golden : GoldenFolder(Model.NAME)
