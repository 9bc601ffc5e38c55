/*
 * Declarations of the part of LiteRT's Kotlin interface that the generated sources use, written from its documentation.
 *
 * LiteRT is on Google's own Maven repository only. Where that cannot be reached the sources are compiled against these
 * declarations; they are never packed, and never run.
 */
@file:Suppress("UNUSED_PARAMETER", "unused")

package com.google.ai.edge.litert

import android.content.res.AssetManager

public enum class Accelerator { NONE, CPU, GPU, NPU }

public class LiteRtException(public val status: Int, message: String) : Exception(message)

public abstract class JniHandle : AutoCloseable {
    override fun close(): Unit = absent()
}

public class Environment : JniHandle()

public class TensorBuffer internal constructor() : JniHandle() {
    public fun writeFloat(data: FloatArray): Unit = absent()

    public fun writeInt8(data: ByteArray): Unit = absent()

    public fun readFloat(): FloatArray = absent()
}

public class CompiledModel private constructor() : JniHandle() {
    public data class CpuOptions(
        val numThreads: Int? = null,
        val xnnPackFlags: Int? = null,
        val xnnPackWeightCachePath: String? = null,
    )

    public data class GpuOptions(
        val precision: Precision? = null,
        val serializationDir: String? = null,
        val modelCacheKey: String? = null,
        val serializeProgramCache: Boolean? = null,
        val backend: Backend? = null,
    ) {
        public enum class Precision { DEFAULT, FP16, FP32, FP16_WITH_FP32_ACCUM }

        public enum class Backend { AUTOMATIC, OPENCL, WEBGPU, OPENGL }
    }

    public class Options(public vararg val accelerators: Accelerator) {
        public var cpuOptions: CpuOptions? = null
        public var gpuOptions: GpuOptions? = null

        public companion object {
            public val CPU: Options = Options(Accelerator.CPU)
        }
    }

    public fun createInputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = absent()

    public fun createOutputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = absent()

    public fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signatureIndex: Int = 0): Unit = absent()

    public companion object {
        @JvmStatic
        public fun create(
            assetManager: AssetManager,
            assetName: String,
            options: Options = Options.CPU,
            optionalEnv: Environment? = null,
        ): CompiledModel = absent()

        @JvmStatic
        public fun create(
            filePath: String,
            options: Options = Options.CPU,
            optionalEnv: Environment? = null,
        ): CompiledModel = absent()
    }
}

/** Fails as a missing native library does. */
private fun absent(): Nothing = throw UnsatisfiedLinkError("a declaration stands in for LiteRT here")
