// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import com.google.ai.edge.litert.LiteRtStandIns
import java.io.File
import java.nio.ByteBuffer
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** What the engine on LiteRT opens it closes, wherever it fails, and all engines share one environment. */
@RunWith(RobolectricTestRunner::class)
class LiteRtEngineTest {
    @Before
    fun present() {
        LiteRtStandIns.reset()
        LiteRtStandIns.present = true
    }

    @After
    fun absent() = LiteRtStandIns.reset()

    @Test
    fun `engines share one environment, which ends with the last`() {
        val engines = Backend.entries.map { engineFactory.create(request(it)) }
        assertEquals(1, LiteRtStandIns.environments)
        engines[0].run(ModelInput(12))
        assertEquals(3, engines[0].output(1).size)
        engines[0].close()
        engineFactory.create(request(Backend.GPU)).close()
        assertEquals("still the first", 1, LiteRtStandIns.environments)
        engines[1].close()
        assertEquals(emptyList<String>(), LiteRtStandIns.open)
        engineFactory.create(request(Backend.CPU)).close()
        assertEquals(2, LiteRtStandIns.environments)
        assertEquals(emptyList<String>(), LiteRtStandIns.open)
    }

    @Test
    fun `a model that cannot be compiled leaves no environment open`() {
        LiteRtStandIns.modelFault = IllegalStateException("no OpenCL")
        for (backend in Backend.entries) {
            assertThrows(IllegalStateException::class.java) { engineFactory.create(request(backend)) }
            assertEquals("$backend", emptyList<String>(), LiteRtStandIns.open)
        }
    }

    @Test
    fun `buffers that cannot be made leave nothing open`() {
        LiteRtStandIns.bufferFault = IllegalStateException("no memory")
        assertThrows(IllegalStateException::class.java) { engineFactory.create(request(Backend.GPU)) }
        assertEquals(emptyList<String>(), LiteRtStandIns.open)
    }

    @Test
    fun `a model in a file is loaded from there`() {
        engineFactory.create(request(Backend.CPU, File("/data/fetched.tflite"))).close()
        engineFactory.create(request(Backend.CPU)).close()
        assertEquals(listOf("/data/fetched.tflite", Model.ASSET), LiteRtStandIns.loaded)
    }

    private fun request(backend: Backend, file: File? = null) = EngineRequest(
        backend, Precision.FP16, 2, Fakes.context.assets, Model.ASSET, ByteBuffer.allocateDirect(8), file, 12, null, "key",
    )
}
