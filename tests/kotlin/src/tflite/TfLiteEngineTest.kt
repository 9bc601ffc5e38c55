package com.example.blazeface

import android.content.res.AssetManager
import java.nio.ByteBuffer
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.tensorflow.lite.StandIns

/** What the engine on TensorFlow Lite opens it closes, wherever it fails. */
class TfLiteEngineTest {
    @Before
    fun reset() {
        StandIns.reset()
        StandIns.outputSizes = OUTPUT_SIZES
    }

    @Test
    fun `an engine closes its interpreter, then its delegate`() {
        for (backend in Backend.entries) {
            val engine = engineFactory.create(request(backend))
            assertEquals(if (backend == Backend.GPU) 2 else 1, StandIns.open.size)
            engine.close()
            assertEquals(emptyList<String>(), StandIns.open)
        }
    }

    @Test
    fun `outputs that cannot be read leave nothing open`() {
        StandIns.outputFault = IllegalStateException("no such tensor")
        for (backend in Backend.entries) {
            val error = assertThrows(IllegalStateException::class.java) { engineFactory.create(request(backend)) }
            assertTrue(error.message.orEmpty().contains("no such tensor"))
            assertEquals("$backend", emptyList<String>(), StandIns.open)
        }
    }

    @Test
    fun `an interpreter that cannot start leaves no delegate open`() {
        StandIns.interpreterFault = IllegalArgumentException("the delegate cannot be applied")
        for (backend in Backend.entries) {
            assertThrows(IllegalArgumentException::class.java) { engineFactory.create(request(backend)) }
            assertEquals("$backend", emptyList<String>(), StandIns.open)
        }
    }

    @Test
    fun `input and outputs go through`() {
        val engine = engineFactory.create(request(Backend.CPU))
        repeat(2) { round ->
            engine.run(ModelInput(INPUT_NUMBERS) { round + 1f })
            assertEquals(OUTPUT_SIZES, (0 until engine.outputCount).map { engine.output(it).size })
            assertEquals(INPUT_NUMBERS * (round + 1f), engine.output(0)[0], 0f)
        }
        engine.close()
    }

    private fun request(backend: Backend): EngineRequest {
        // The engine does not look at the assets, and Android's own constructor needs a device.
        val unsafe = Class.forName("sun.misc.Unsafe").getDeclaredField("theUnsafe").also { it.isAccessible = true }
        val assets = unsafe.type.getMethod("allocateInstance", Class::class.java)
            .invoke(unsafe.get(null), AssetManager::class.java) as AssetManager
        val model = ByteBuffer.allocateDirect(8)
        return EngineRequest(backend, Precision.FP16, 2, assets, Model.ASSET, model, null, INPUT_NUMBERS, null, "key")
    }

    private companion object {
        const val INPUT_NUMBERS = 12
        val OUTPUT_SIZES = listOf(34, 2)
    }
}
