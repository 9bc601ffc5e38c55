// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import com.google.gson.JsonObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** Preprocessing gives what the reference gives, for every format, rotation and stride. */
class PreprocessorGoldenTest {
    private val preprocessors = Sampling.entries.associateWith(::Preprocessor)
    private val input = ModelInput(Model.INPUT_NUMBERS)

    @Test
    fun `every case agrees with the reference`() {
        val cases = Golden.cases("preprocess")
        assertTrue("no cases", Model.NAME != "blazeface-front" || cases.size >= 8)
        // Forwards and backwards, since tables and rows are kept.
        (cases + cases.reversed()).forEach(::check)
    }

    private val isBytes = input.let { it as Any } is ByteArray

    /** What the model makes of a number of its input. */
    private fun seen(number: Any): Float =
        if (number is Byte) (number.toInt() and 0xff) * Model.INPUT_SCALE + Model.INPUT_MINIMUM else number as Float

    private fun check(case: JsonObject) {
        val name = case["case"].asString
        val rotation = case["rotation"].asInt
        val mirrored = case["mirrored"].asBoolean
        val frame = Golden.frame(case["pixels"].asJsonObject)
        input.fill(Model.input(-1000f))
        preprocessors.getValue(Sampling.valueOf(case["sampling"].asString.uppercase())).process(frame, rotation, mirrored, input)
        val expected = Golden.floats(case["input"].asJsonObject["file"].asString)
        // A hundredth of a byte's step, and half a step more where bytes are rounded.
        val tolerance = Model.INPUT_SCALE * if (isBytes) 0.51f else 0.01f
        val numbers = 3 * Model.INPUT_WIDTH
        val rows = case["rows"]?.asJsonArray?.map { it.asInt } ?: List(Model.INPUT_HEIGHT) { it }
        assertEquals(expected.size, rows.size * numbers)
        for ((index, row) in rows.withIndex()) {
            for (i in 0 until numbers) {
                assertEquals("$name: row $row, number $i", expected[index * numbers + i], seen(input[row * numbers + i]), tolerance)
            }
        }
    }
}
