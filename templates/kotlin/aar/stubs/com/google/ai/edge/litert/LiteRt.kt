// SPDX-License-Identifier: Apache-2.0
/*
 * Declarations of the part of LiteRT's Kotlin interface that the generated sources use.
 *
 * LiteRT is on Google's own Maven repository only. Where that cannot be reached the sources are compiled against these
 * declarations; they are never packed, and never run. tests/kotlin/litert-descriptors.txt lists what the real sources
 * compile to, and a test holds the packed classes to it: the order and the number of parameters are part of the descriptor.
 */
@file:Suppress("UNUSED_PARAMETER", "unused")

package com.google.ai.edge.litert

import android.content.res.AssetManager

public enum class Accelerator { NONE, CPU, GPU, NPU }

public abstract class JniHandle internal constructor() : AutoCloseable {
    final override fun close(): Unit = absent()
}

public class Environment private constructor() : JniHandle() {
    public enum class Option { CompilerPluginLibraryDir, DispatchLibraryDir }

    public companion object {
        @JvmStatic
        @JvmOverloads
        public fun create(options: Map<Option, String> = mapOf()): Environment = absent()
    }
}

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
        val constantTensorSharing: Boolean? = null,
        val infiniteFloatCapping: Boolean? = null,
        val allowSrcQuantizedFcConvOps: Boolean? = null,
        val precision: Precision? = null,
        val bufferStorageType: BufferStorageType? = null,
        val preferTextureWeights: Boolean? = null,
        val serializationDir: String? = null,
        val modelCacheKey: String? = null,
        val serializeProgramCache: Boolean? = null,
        val serializeExternalTensors: Boolean? = null,
        val externalTensorsMode: Boolean? = null,
        val externalTensorPattern: String? = null,
        val backend: Backend? = null,
        val priority: Priority? = null,
        val numStepsOfCommandBufferPreparations: Int? = null,
    ) {
        public enum class Precision { DEFAULT, FP16, FP32, FP16_WITH_FP32_ACCUM }

        public enum class BufferStorageType { DEFAULT, BUFFER, TEXTURE_2D }

        public enum class Backend { AUTOMATIC, OPENCL, WEBGPU, OPENGL }

        public enum class Priority { DEFAULT, LOW, NORMAL, HIGH }
    }

    public class Options(internal val accelerators: Set<Accelerator>) {
        public constructor(vararg accelerators: Accelerator) : this(setOf(*accelerators))

        public var cpuOptions: CpuOptions? = null
        public var gpuOptions: GpuOptions? = null

        public companion object {
            @JvmStatic
            public val CPU: Options = Options(Accelerator.CPU)
        }
    }

    @JvmOverloads
    public fun createInputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = absent()

    @JvmOverloads
    public fun createOutputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = absent()

    @JvmOverloads
    public fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signatureIndex: Int = 0): Unit = absent()

    public companion object {
        @JvmStatic
        @JvmOverloads
        public fun create(
            assetManager: AssetManager,
            assetName: String,
            options: Options = Options.CPU,
            optionalEnv: Environment? = null,
        ): CompiledModel = absent()

        @JvmStatic
        @JvmOverloads
        public fun create(
            filePath: String,
            options: Options = Options.CPU,
            optionalEnv: Environment? = null,
        ): CompiledModel = absent()
    }
}

/** Fails as a missing native library does. */
private fun absent(): Nothing = throw UnsatisfiedLinkError("a declaration stands in for LiteRT here")
