/*
 * Stand-ins for the classes of TensorFlow Lite that need its native library. They lie before the real ones on the class path
 * of the tests, and count what is opened and closed.
 */
package org.tensorflow.lite

import java.lang.reflect.Proxy
import java.nio.ByteBuffer

/** What the stand-ins are to do, and what they did. */
object StandIns {
    val open: MutableList<String> = ArrayList()
    var interpreterFault: RuntimeException? = null
    var outputFault: RuntimeException? = null
    var outputSizes: List<Int> = emptyList()

    fun reset() {
        open.clear()
        interpreterFault = null
        outputFault = null
    }
}

class Interpreter(
    @Suppress("UNUSED_PARAMETER") model: ByteBuffer,
    private val options: Options,
) : AutoCloseable {
    class Options {
        val delegates: MutableList<Delegate> = ArrayList()

        fun setNumThreads(@Suppress("UNUSED_PARAMETER") threads: Int): Options = this

        fun setUseXNNPACK(@Suppress("UNUSED_PARAMETER") use: Boolean): Options = this

        fun addDelegate(delegate: Delegate): Options = apply { delegates += delegate }
    }

    init {
        StandIns.interpreterFault?.let { throw it }
        StandIns.open += "interpreter"
    }

    val outputTensorCount: Int
        get() = StandIns.outputSizes.size

    fun getOutputTensor(index: Int): Tensor {
        StandIns.outputFault?.let { throw it }
        val loader = Tensor::class.java.classLoader
        return Proxy.newProxyInstance(loader, arrayOf(Tensor::class.java)) { _, method, _ ->
            check(method.name == "numBytes") { "unexpected: $method" }
            4 * StandIns.outputSizes[index]
        } as Tensor
    }

    /** The first number of each output is the sum of the input's. */
    fun runForMultipleInputsOutputs(inputs: Array<Any>, outputs: Map<Int, Any>) {
        val input = (inputs.single() as ByteBuffer).asFloatBuffer()
        var sum = 0f
        while (input.hasRemaining()) sum += input.get()
        outputs.values.forEach { (it as ByteBuffer).asFloatBuffer().put(0, sum) }
    }

    override fun close() {
        // The delegate must outlive the interpreter that uses it.
        check(options.delegates.isEmpty() || "delegate" in StandIns.open) { "the delegate was closed first" }
        check(StandIns.open.remove("interpreter")) { "closed twice" }
    }
}
