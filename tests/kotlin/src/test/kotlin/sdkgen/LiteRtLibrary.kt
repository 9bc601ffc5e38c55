package sdkgen

import com.sun.jna.Library
import com.sun.jna.Memory
import com.sun.jna.Native
import com.sun.jna.Pointer
import com.sun.jna.ptr.LongByReference
import com.sun.jna.ptr.PointerByReference
import java.io.Closeable

/** What is used of LiteRT's C interface, as the library of the desktop wheel exports it. */
@Suppress("FunctionName")
private interface LiteRtC : Library {
    fun LiteRtCreateEnvironment(count: Int, options: Pointer?, environment: PointerByReference): Int

    fun LiteRtDestroyEnvironment(environment: Pointer)

    fun LiteRtCreateModelFromFile(environment: Pointer, path: String, model: PointerByReference): Int

    fun LiteRtDestroyModel(model: Pointer)

    fun LiteRtCreateOptions(options: PointerByReference): Int

    fun LiteRtSetOptionsHardwareAccelerators(options: Pointer, accelerators: Int): Int

    fun LiteRtDestroyOptions(options: Pointer)

    fun LiteRtCreateCompiledModel(environment: Pointer, model: Pointer, options: Pointer, compiled: PointerByReference): Int

    fun LiteRtDestroyCompiledModel(compiled: Pointer)

    fun LiteRtGetModelSignature(model: Pointer, index: Long, signature: PointerByReference): Int

    fun LiteRtGetNumSignatureOutputs(signature: Pointer, count: LongByReference): Int

    fun LiteRtGetSignatureInputTensorByIndex(signature: Pointer, index: Long, tensor: PointerByReference): Int

    fun LiteRtGetSignatureOutputTensorByIndex(signature: Pointer, index: Long, tensor: PointerByReference): Int

    fun LiteRtGetRankedTensorType(tensor: Pointer, type: Pointer): Int

    fun LiteRtGetCompiledModelInputBufferRequirements(compiled: Pointer, signature: Long, index: Long, out: PointerByReference): Int

    fun LiteRtGetCompiledModelOutputBufferRequirements(compiled: Pointer, signature: Long, index: Long, out: PointerByReference): Int

    fun LiteRtCreateManagedTensorBufferFromRequirements(
        environment: Pointer,
        type: Pointer,
        requirements: Pointer,
        buffer: PointerByReference,
    ): Int

    fun LiteRtGetTensorBufferPackedSize(buffer: Pointer, size: LongByReference): Int

    fun LiteRtLockTensorBuffer(buffer: Pointer, address: PointerByReference, mode: Int): Int

    fun LiteRtUnlockTensorBuffer(buffer: Pointer): Int

    fun LiteRtDestroyTensorBuffer(buffer: Pointer)

    fun LiteRtRunCompiledModel(
        compiled: Pointer,
        signature: Long,
        inputCount: Long,
        inputs: Array<Pointer>,
        outputCount: Long,
        outputs: Array<Pointer>,
    ): Int
}

/** A model on LiteRT's CPU backend, through its C interface. */
class LiteRtModel(modelPath: String) : Closeable {
    private class Buffer(val handle: Pointer, val numbers: Int)

    private val environment = made { c.LiteRtCreateEnvironment(0, null, it) }
    private val model = made { c.LiteRtCreateModelFromFile(environment, modelPath, it) }
    private val options = made { c.LiteRtCreateOptions(it) }
    private val compiled: Pointer
    private val input: Buffer
    private val outputs: List<Buffer>

    init {
        checked(c.LiteRtSetOptionsHardwareAccelerators(options, CPU))
        compiled = made { c.LiteRtCreateCompiledModel(environment, model, options, it) }
        val signature = made { c.LiteRtGetModelSignature(model, 0, it) }
        val count = LongByReference().also { checked(c.LiteRtGetNumSignatureOutputs(signature, it)) }.value
        input = buffer(
            made { c.LiteRtGetSignatureInputTensorByIndex(signature, 0, it) },
            made { c.LiteRtGetCompiledModelInputBufferRequirements(compiled, 0, 0, it) },
        )
        outputs = (0 until count).map { i ->
            buffer(
                made { c.LiteRtGetSignatureOutputTensorByIndex(signature, i, it) },
                made { c.LiteRtGetCompiledModelOutputBufferRequirements(compiled, 0, i, it) },
            )
        }
    }

    val outputCount: Int
        get() = outputs.size

    fun run(numbers: FloatArray): Unit = run { it.write(0, numbers, 0, numbers.size) }

    fun run(bytes: ByteArray): Unit = run { it.write(0, bytes, 0, bytes.size) }

    private fun run(write: (Pointer) -> Unit) {
        locked(input, WRITE, write)
        checked(
            c.LiteRtRunCompiledModel(
                compiled, 0, 1, arrayOf(input.handle), outputs.size.toLong(),
                outputs.map { it.handle }.toTypedArray(),
            ),
        )
    }

    fun output(index: Int): FloatArray {
        val buffer = outputs[index]
        return locked(buffer, READ) { it.getFloatArray(0, buffer.numbers) }
    }

    override fun close() {
        (outputs + input).forEach { c.LiteRtDestroyTensorBuffer(it.handle) }
        c.LiteRtDestroyCompiledModel(compiled)
        c.LiteRtDestroyOptions(options)
        c.LiteRtDestroyModel(model)
        c.LiteRtDestroyEnvironment(environment)
    }

    private fun buffer(tensor: Pointer, requirements: Pointer): Buffer {
        // Larger than the structure: only the library looks inside.
        val type = Memory(1024)
        checked(c.LiteRtGetRankedTensorType(tensor, type))
        val handle = made { c.LiteRtCreateManagedTensorBufferFromRequirements(environment, type, requirements, it) }
        val size = LongByReference().also { checked(c.LiteRtGetTensorBufferPackedSize(handle, it)) }.value
        return Buffer(handle, (size / Float.SIZE_BYTES).toInt())
    }

    private fun <T> locked(buffer: Buffer, mode: Int, use: (Pointer) -> T): T {
        val address = made { c.LiteRtLockTensorBuffer(buffer.handle, it, mode) }
        try {
            return use(address)
        } finally {
            c.LiteRtUnlockTensorBuffer(buffer.handle)
        }
    }

    private fun made(call: (PointerByReference) -> Int): Pointer {
        val reference = PointerByReference()
        checked(call(reference))
        return reference.value
    }

    private fun checked(status: Int) {
        check(status == 0) { "LiteRT answers status $status" }
    }

    private companion object {
        const val CPU = 1
        const val READ = 0
        const val WRITE = 1
        const val RTLD_LAZY_NODELETE = 0x1001

        /** Never unloaded: LiteRT leaves handlers behind that run when the process ends. */
        val c: LiteRtC = Native.load(
            System.getProperty("sdkgen.litert.library"),
            LiteRtC::class.java,
            mapOf(Library.OPTION_OPEN_FLAGS to RTLD_LAZY_NODELETE),
        )
    }
}
