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
        val planes = pixels["planes"].asJsonArray.map { it.asJsonObject }
            .map { Plane(bytes(it["file"].asString), it["row_stride"].asInt, it["pixel_stride"].asInt) }
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

    /** Bytes in a direct buffer, as cameras hand them over. */
    private fun bytes(name: String): ByteBuffer {
        val read = folder.resolve(name).readBytes()
        return ByteBuffer.allocateDirect(read.size).put(read).rewind() as ByteBuffer
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
