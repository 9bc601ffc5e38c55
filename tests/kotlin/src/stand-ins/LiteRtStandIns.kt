/*
 * Stand-ins for the classes of LiteRT that need its native library. They lie before the declarations on the class path of the
 * tests, and count what is opened and closed. Absent until a test wants them, as the library is from this machine.
 */
package com.google.ai.edge.litert

import android.content.res.AssetManager

/** What the stand-ins are to do, and what they did. */
object LiteRtStandIns {
    var present: Boolean = false
    var modelFault: RuntimeException? = null
    var bufferFault: RuntimeException? = null
    val open: MutableList<String> = ArrayList()
    val loaded: MutableList<String> = ArrayList()
    var environments: Int = 0

    fun reset() {
        present = false
        modelFault = null
        bufferFault = null
        open.clear()
        loaded.clear()
        environments = 0
    }

    @Synchronized
    internal fun opened(name: String) {
        if (!present) throw UnsatisfiedLinkError("no litert_jni")
        open += name
    }

    @Synchronized
    internal fun closed(name: String) {
        check(open.remove(name)) { "$name was closed twice" }
        check(name != "environment" || open.isEmpty()) { "the environment was closed before $open" }
    }
}

class Environment private constructor() : AutoCloseable {
    enum class Option { CompilerPluginLibraryDir }

    init {
        LiteRtStandIns.opened("environment")
        LiteRtStandIns.environments++
    }

    override fun close(): Unit = LiteRtStandIns.closed("environment")

    companion object {
        @JvmStatic
        @Suppress("UNUSED_PARAMETER")
        fun create(options: Map<Option, String> = mapOf()): Environment = Environment()
    }
}

class TensorBuffer : AutoCloseable {
    init {
        LiteRtStandIns.bufferFault?.let { throw it }
        LiteRtStandIns.opened("buffer")
    }

    @Suppress("UNUSED_PARAMETER")
    fun writeFloat(data: FloatArray) = Unit

    @Suppress("UNUSED_PARAMETER")
    fun writeInt8(data: ByteArray) = Unit

    fun readFloat(): FloatArray = FloatArray(3)

    override fun close(): Unit = LiteRtStandIns.closed("buffer")
}

class CompiledModel private constructor(name: String) : AutoCloseable {
    @Suppress("UNUSED_PARAMETER")
    class CpuOptions(numThreads: Int? = null, xnnPackFlags: Int? = null, xnnPackWeightCachePath: String? = null)

    @Suppress("UNUSED_PARAMETER")
    class GpuOptions(
        constantTensorSharing: Boolean? = null,
        infiniteFloatCapping: Boolean? = null,
        allowSrcQuantizedFcConvOps: Boolean? = null,
        val precision: Precision? = null,
        bufferStorageType: BufferStorageType? = null,
        preferTextureWeights: Boolean? = null,
        val serializationDir: String? = null,
        val modelCacheKey: String? = null,
        val serializeProgramCache: Boolean? = null,
        serializeExternalTensors: Boolean? = null,
        externalTensorsMode: Boolean? = null,
        externalTensorPattern: String? = null,
        backend: Backend? = null,
        priority: Priority? = null,
        numStepsOfCommandBufferPreparations: Int? = null,
    ) {
        enum class Precision { DEFAULT, FP16, FP32, FP16_WITH_FP32_ACCUM }

        enum class BufferStorageType { DEFAULT }

        enum class Backend { AUTOMATIC }

        enum class Priority { DEFAULT }
    }

    @Suppress("UNUSED_PARAMETER")
    class Options(vararg accelerators: Accelerator) {
        var cpuOptions: CpuOptions? = null
        var gpuOptions: GpuOptions? = null
    }

    init {
        LiteRtStandIns.modelFault?.let { throw it }
        LiteRtStandIns.opened("model")
        LiteRtStandIns.loaded += name
    }

    @Suppress("UNUSED_PARAMETER")
    fun createInputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = listOf(TensorBuffer())

    @Suppress("UNUSED_PARAMETER")
    fun createOutputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = listOf(TensorBuffer(), TensorBuffer())

    @Suppress("UNUSED_PARAMETER")
    fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signatureIndex: Int = 0) = Unit

    override fun close(): Unit = LiteRtStandIns.closed("model")

    @Suppress("UNUSED_PARAMETER")
    companion object {
        @JvmStatic
        fun create(assetManager: AssetManager, assetName: String, options: Options, optionalEnv: Environment?): CompiledModel {
            checkNotNull(optionalEnv) { "LiteRT makes an environment of its own" }
            return CompiledModel(assetName)
        }

        @JvmStatic
        fun create(filePath: String, options: Options, optionalEnv: Environment?): CompiledModel {
            checkNotNull(optionalEnv) { "LiteRT makes an environment of its own" }
            return CompiledModel(filePath)
        }
    }
}
