package com.example.blazeface

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The golden vectors that this variant's model and layout have. */
internal object Golden {
    private val folder = File(System.getProperty("sdkgen.golden"), Model.NAME)
    val layout: String = if (Model.SEGMENTS[0].boxStride == Model.BOX_NUMBERS) "standard" else "merged"

    fun cases(kind: String): List<JsonObject> = folder.listFiles { file -> file.extension == "json" }.orEmpty().sorted()
        .map { JsonParser.parseString(it.readText()).asJsonObject }
        .filter { it["kind"].asString == kind && (!it.has("layout") || it["layout"].asString == layout) }

    fun floats(name: String): FloatArray {
        val buffer = ByteBuffer.wrap(folder.resolve(name).readBytes()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
        return FloatArray(buffer.remaining()).also(buffer::get)
    }

    /** Bytes in a direct buffer, as cameras hand them over. */
    fun bytes(name: String): ByteBuffer {
        val read = folder.resolve(name).readBytes()
        return ByteBuffer.allocateDirect(read.size).put(read).rewind() as ByteBuffer
    }
}
