// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import java.io.File
import java.io.InputStream
import sdkgen.LiteRtModel

/** Runs the shipped models on LiteRT's C library; there is no GPU. */
internal object DesktopEngines : EngineFactory {
    private val assets = File(System.getProperty("assets"))

    override val gpuPrecisions: List<Precision> = listOf(Precision.FP16)

    fun open(name: String): InputStream = assets.resolve(name).inputStream()

    override fun create(request: EngineRequest): Engine {
        if (request.backend == Backend.GPU) throw UnsatisfiedLinkError("no GPU here")
        val model = LiteRtModel(assets.resolve(request.asset).path)
        return object : Engine {
            override val outputCount: Int = model.outputCount

            override fun run(input: ModelInput) = model.run(input)

            override fun output(index: Int): FloatArray = model.output(index)

            override fun close() = model.close()
        }
    }
}
