package com.example.blazeface

import android.graphics.BitmapFactory
import com.google.gson.JsonParser
import java.io.File
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.GraphicsMode
import sdkgen.LiteRtModel

/** A photograph, a real bitmap, the shipped model on LiteRT: the faces are those that the reference finds. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class EndToEndTest {
    private val assets = File(System.getProperty("sdkgen.variants"), "assets")

    /** Runs the shipped model on LiteRT's C library. */
    private inner class DesktopEngines : EngineFactory {
        override val gpuPrecisions: List<Precision> = listOf(Precision.FP16)

        override fun create(request: EngineRequest): Engine {
            if (request.backend == Backend.GPU) throw UnsatisfiedLinkError("no GPU here")
            val model = LiteRtModel(assets.resolve(Model.ASSET).path)
            return object : Engine {
                override val outputCount: Int = model.outputCount

                override fun run(input: FloatArray) = model.run(input)

                override fun output(index: Int): FloatArray = model.output(index)

                override fun close() = model.close()
            }
        }
    }

    @Test
    fun `a photograph gives the reference's faces`() {
        val bitmap = BitmapFactory.decodeFile(System.getProperty("sdkgen.photograph"))
        assertNotNull("the photograph cannot be decoded", bitmap)
        val context = RuntimeEnvironment.getApplication()
        val open = { name: String -> assets.resolve(name).inputStream() }
        val detector =
            runBlocking { FaceDetector.create(context, FaceDetectorOptions(), DesktopEngines(), open) }
        detector.use {
            assertEquals(Backend.CPU, it.activeBackend)
            val faces = it.detect(bitmap)
            val expected = JsonParser.parseString(File(System.getProperty("sdkgen.expected")).readText())
                .asJsonObject["${Model.NAME}-${Golden.layout}"].asJsonArray
            assertEquals(expected.size(), faces.size)
            for ((face, entry) in faces.zip(expected)) {
                val wanted = entry.asJsonObject
                assertEquals(wanted["score"].asFloat, face.score, TOLERANCE)
                val box = face.normalizedBoundingBox
                val found = listOf(box.left, box.top, box.width(), box.height()) +
                    face.normalizedKeypoints.toList().flatMap { point -> listOf(point.x, point.y) }
                val numbers = wanted["box"].asJsonArray.map { n -> n.asFloat } +
                    wanted["keypoints"].asJsonArray.flatMap { p -> p.asJsonArray.map { n -> n.asFloat } }
                numbers.zip(found).forEach { (a, b) -> assertEquals(a, b, TOLERANCE) }
            }
        }
    }

    private companion object {
        const val TOLERANCE = 0.001f
    }
}
