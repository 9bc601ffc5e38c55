package com.example.blazeface

import com.google.gson.JsonObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** Preprocessing gives what the reference gives, for every format, rotation and stride. */
class PreprocessorGoldenTest {
    private val preprocessor = Preprocessor()
    private val input = FloatArray(Model.INPUT_NUMBERS)

    @Test
    fun `every case agrees with the reference`() {
        val cases = Golden.layoutCases("preprocess")
        assertTrue("no cases", Model.NAME != "blazeface-front" || cases.size >= 8)
        // Forwards and backwards, since tables and rows are kept.
        (cases + cases.reversed()).forEach(::check)
    }

    private fun check(case: JsonObject) {
        val name = case["case"].asString
        val rotation = case["rotation"].asInt
        val mirrored = case["mirrored"].asBoolean
        val frame = Golden.frame(case["pixels"].asJsonObject)
        input.fill(Float.NaN)
        preprocessor.process(frame, rotation, mirrored, input)
        val expected = Golden.floats(case["input"].asJsonObject["file"].asString)
        val tolerance = 255 * Model.INPUT_SCALE / 255
        assertEquals(expected.size, input.size)
        for (i in input.indices) assertEquals("$name: number $i", expected[i], input[i], tolerance / 100)
    }
}
