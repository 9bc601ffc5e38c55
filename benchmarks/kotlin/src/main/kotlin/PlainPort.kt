package com.example.blazeface

import kotlin.math.exp
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min

/** Decoding and blending as one writes them down: an object a box, a sigmoid an anchor, lists that are filtered. */
class PlainPostprocessor {
    class Detection(val score: Float, val box: FloatArray, val keypoints: List<Pair<Float, Float>>)

    private val centres = anchorCentres()

    fun faces(boxes: FloatArray, scores: FloatArray): List<Detection> {
        val decoded = scores.indices.map { i ->
            val at = i * Model.BOX_NUMBERS
            fun x(k: Int) = boxes[at + k] / Model.BOX_SCALE.toFloat() + centres[2 * i]
            fun y(k: Int) = boxes[at + k] / Model.BOX_SCALE.toFloat() + centres[2 * i + 1]
            val width = boxes[at + 2] / Model.BOX_SCALE.toFloat()
            val height = boxes[at + 3] / Model.BOX_SCALE.toFloat()
            Detection(
                (1 / (1 + exp(-scores[i].coerceIn(-100f, 100f)))),
                floatArrayOf(x(0) - width / 2, y(1) - height / 2, x(0) + width / 2, y(1) + height / 2),
                (4 until Model.BOX_NUMBERS step 2).map { x(it) to y(it + 1) },
            )
        }
        var left = decoded.filter { it.score >= Model.MINIMUM_SCORE }.sortedByDescending { it.score }
        val faces = ArrayList<Detection>()
        while (left.isNotEmpty()) {
            val top = left.first()
            val (taken, kept) = left.partition { it === top || overlap(top.box, it.box) > Model.BLENDING_IOU }
            val sum = taken.map { it.score }.sum()
            faces += Detection(
                top.score,
                FloatArray(4) { k -> taken.map { it.score * it.box[k] }.sum() / sum },
                top.keypoints.indices.map { k ->
                    taken.map { it.score * it.keypoints[k].first }.sum() / sum to
                        taken.map { it.score * it.keypoints[k].second }.sum() / sum
                },
            )
            left = kept
        }
        return faces
    }

    private fun overlap(a: FloatArray, b: FloatArray): Float {
        val width = max(0f, min(a[2], b[2]) - max(a[0], b[0]))
        val height = max(0f, min(a[3], b[3]) - max(a[1], b[1]))
        val common = width * height
        val union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
        return if (union > 0) common / union else 0f
    }
}

/** Preprocessing in the steps that one finds in apps: YUV to RGB, rotate and mirror, then resize and normalise. */
class PlainPreprocessor {
    fun process(y: Plane, u: Plane, v: Plane, width: Int, height: Int, rotation: Int, mirrored: Boolean): FloatArray {
        val rgb = IntArray(width * height)
        for (row in 0 until height) {
            for (column in 0 until width) {
                val chroma = row / 2 * u.rowStride + column / 2 * u.pixelStride
                val luminance = y.buffer.get(row * y.rowStride + column).toInt() and 0xff
                val blue = (u.buffer.get(chroma).toInt() and 0xff) - 128
                val red = (v.buffer.get(chroma).toInt() and 0xff) - 128
                val r = (luminance + 1.402f * red).toInt().coerceIn(0, 255)
                val g = (luminance - 0.344136f * blue - 0.714136f * red).toInt().coerceIn(0, 255)
                val b = (luminance + 1.772f * blue).toInt().coerceIn(0, 255)
                rgb[row * width + column] = r shl 16 or (g shl 8) or b
            }
        }
        val turned = rotation == 90 || rotation == 270
        val uprightWidth = if (turned) height else width
        val uprightHeight = if (turned) width else height
        val upright = IntArray(rgb.size) { i ->
            val row = i / uprightWidth
            val column = (i % uprightWidth).let { if (mirrored) uprightWidth - 1 - it else it }
            when (rotation) {
                90 -> rgb[(height - 1 - column) * width + row]
                180 -> rgb[(height - 1 - row) * width + width - 1 - column]
                270 -> rgb[column * width + width - 1 - row]
                else -> rgb[row * width + column]
            }
        }
        val input = FloatArray(Model.INPUT_NUMBERS)
        val box = Letterbox(uprightWidth, uprightHeight)
        fun texel(x: Int, y: Int) = if (x in 0 until uprightWidth && y in 0 until uprightHeight) upright[y * uprightWidth + x] else 0
        for (row in 0 until Model.INPUT_HEIGHT) {
            for (column in 0 until Model.INPUT_WIDTH) {
                val px = box.left + column * box.width / Model.INPUT_WIDTH
                val py = box.top + row * box.height / Model.INPUT_HEIGHT
                val x0 = floor(px).toInt()
                val y0 = floor(py).toInt()
                val fx = (px - x0).toFloat()
                val fy = (py - y0).toFloat()
                for (channel in 0 until 3) {
                    fun value(x: Int, y: Int) = (texel(x, y) shr (16 - 8 * channel) and 0xff).toFloat()
                    val upper = value(x0, y0) * (1 - fx) + value(x0 + 1, y0) * fx
                    val lower = value(x0, y0 + 1) * (1 - fx) + value(x0 + 1, y0 + 1) * fx
                    input[(row * Model.INPUT_WIDTH + column) * 3 + channel] =
                        (upper * (1 - fy) + lower * fy) * Model.INPUT_SCALE + Model.INPUT_MINIMUM
                }
            }
        }
        return input
    }
}
