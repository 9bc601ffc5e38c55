package com.example.blazeface

import com.google.ai.edge.litert.Environment
import com.google.ai.edge.litert.LiteRtStandIns
import java.nio.ByteBuffer
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** The environment is the one that the app got from Google Play services, and stays the app's. */
@RunWith(RobolectricTestRunner::class)
class PlayServicesTest {
    @Before
    fun present() {
        LiteRtStandIns.reset()
        LiteRtStandIns.present = true
    }

    @After
    fun absent() {
        PlayServicesRuntime.use(null)
        LiteRtStandIns.reset()
    }

    @Test
    fun `without an environment the start says what to call`() {
        val failure = assertThrows(BackendException::class.java) {
            FaceDetector.opening(Fakes.context, FaceDetectorOptions(), engineFactory, Fakes::open).blocking()
        }
        assertTrue(failure.attempts.isNotEmpty())
        failure.attempts.forEach { assertTrue(it.toString(), "PlayServicesRuntime.use" in it.toString()) }
        assertEquals(0, LiteRtStandIns.environments)
    }

    @Test
    fun `all engines use the app's environment, and none closes it`() {
        val environment = Environment.create()
        PlayServicesRuntime.use(environment)
        val engines = Backend.entries.map { engineFactory.create(request(it)) }
        engines.forEach(Engine::close)
        assertEquals(1, LiteRtStandIns.environments)
        assertEquals(listOf("environment"), LiteRtStandIns.open)
        LiteRtStandIns.modelFault = IllegalStateException("no OpenCL")
        assertThrows(IllegalStateException::class.java) { engineFactory.create(request(Backend.GPU)) }
        assertEquals(listOf("environment"), LiteRtStandIns.open)
        environment.close()
    }

    private fun request(backend: Backend) = EngineRequest(
        backend, Precision.FP16, 2, Fakes.context.assets, Model.ASSET, ByteBuffer.allocateDirect(8), null, 12, null, "key",
    )
}
