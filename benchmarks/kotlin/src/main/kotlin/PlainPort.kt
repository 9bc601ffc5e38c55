package com.example.blazeface

import kotlin.math.cos
import kotlin.math.exp
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min
import kotlin.math.sin

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
        val image = PlainImage(y, u, v, width, height, rotation, mirrored)
        val input = FloatArray(Model.INPUT_NUMBERS)
        val box = Letterbox(image.width, image.height)
        for (row in 0 until Model.INPUT_HEIGHT) {
            for (column in 0 until Model.INPUT_WIDTH) {
                val x = box.left + column * box.width / Model.INPUT_WIDTH
                val y0 = box.top + row * box.height / Model.INPUT_HEIGHT
                val inside = x > -1 && y0 > -1 && x < image.width && y0 < image.height
                for (channel in 0 until 3) {
                    val value = if (inside) image.sample(x, y0, channel) else 0f
                    input[(row * Model.INPUT_WIDTH + column) * 3 + channel] = value * Model.INPUT_SCALE + Model.INPUT_MINIMUM
                }
            }
        }
        return input
    }

    /** The same, with the mean of all pixels that one of the input covers. */
    fun average(y: Plane, u: Plane, v: Plane, width: Int, height: Int, rotation: Int, mirrored: Boolean): FloatArray {
        val image = PlainImage(y, u, v, width, height, rotation, mirrored)
        val input = FloatArray(Model.INPUT_NUMBERS)
        val box = Letterbox(image.width, image.height)
        val half = box.width / Model.INPUT_WIDTH / 2
        for (row in 0 until Model.INPUT_HEIGHT) {
            for (column in 0 until Model.INPUT_WIDTH) {
                val x = box.left + column * box.width / Model.INPUT_WIDTH
                val y0 = box.top + row * box.height / Model.INPUT_HEIGHT
                val columns = max(0, (x - half).toInt()) until min(image.width, (x + half).toInt())
                val rows = max(0, (y0 - half).toInt()) until min(image.height, (y0 + half).toInt())
                for (channel in 0 until 3) {
                    var sum = 0f
                    for (texelRow in rows) for (texel in columns) sum += image.texel(texel, texelRow, channel)
                    val mean = if (sum > 0) sum / (rows.count() * columns.count()) else 0f
                    input[(row * Model.INPUT_WIDTH + column) * 3 + channel] = mean * Model.INPUT_SCALE + Model.INPUT_MINIMUM
                }
            }
        }
        return input
    }

    /** The crop of [region], in the same steps. */
    internal fun crop(y: Plane, u: Plane, v: Plane, width: Int, height: Int, rotation: Int, region: Region): FloatArray {
        val image = PlainImage(y, u, v, width, height, rotation, true)
        val input = FloatArray(LandmarkModel.INPUT_NUMBERS)
        val angle = Math.toRadians(region.rotationDegrees)
        for (row in 0 until LandmarkModel.INPUT_HEIGHT) {
            for (column in 0 until LandmarkModel.INPUT_WIDTH) {
                val across = (column.toDouble() / LandmarkModel.INPUT_WIDTH - 0.5) * region.width
                val down = (row.toDouble() / LandmarkModel.INPUT_HEIGHT - 0.5) * region.height
                val px = region.centerX + across * cos(angle) - down * sin(angle)
                val py = region.centerY + across * sin(angle) + down * cos(angle)
                for (channel in 0 until 3) {
                    input[(row * LandmarkModel.INPUT_WIDTH + column) * 3 + channel] =
                        image.sample(px, py, channel) * LandmarkModel.INPUT_SCALE + LandmarkModel.INPUT_MINIMUM
                }
            }
        }
        return input
    }
}

/** A camera's frame as an upright RGB image of its own. */
private class PlainImage(y: Plane, u: Plane, v: Plane, frameWidth: Int, frameHeight: Int, rotation: Int, mirrored: Boolean) {
    private val turned = rotation == 90 || rotation == 270
    val width = if (turned) frameHeight else frameWidth
    val height = if (turned) frameWidth else frameHeight
    private val upright: IntArray

    init {
        val rgb = IntArray(frameWidth * frameHeight)
        for (row in 0 until frameHeight) {
            for (column in 0 until frameWidth) {
                val chroma = row / 2 * u.rowStride + column / 2 * u.pixelStride
                val luminance = y.buffer.get(row * y.rowStride + column).toInt() and 0xff
                val blue = (u.buffer.get(chroma).toInt() and 0xff) - 128
                val red = (v.buffer.get(chroma).toInt() and 0xff) - 128
                val r = (luminance + 1.402f * red).toInt().coerceIn(0, 255)
                val g = (luminance - 0.344136f * blue - 0.714136f * red).toInt().coerceIn(0, 255)
                val b = (luminance + 1.772f * blue).toInt().coerceIn(0, 255)
                rgb[row * frameWidth + column] = r shl 16 or (g shl 8) or b
            }
        }
        upright = IntArray(rgb.size) { i ->
            val row = i / width
            val column = (i % width).let { if (mirrored) width - 1 - it else it }
            when (rotation) {
                90 -> rgb[(frameHeight - 1 - column) * frameWidth + row]
                180 -> rgb[(frameHeight - 1 - row) * frameWidth + frameWidth - 1 - column]
                270 -> rgb[column * frameWidth + frameWidth - 1 - row]
                else -> rgb[row * frameWidth + column]
            }
        }
    }

    /** The channel between four texels. */
    fun sample(x: Double, y: Double, channel: Int): Float {
        val x0 = floor(x).toInt()
        val y0 = floor(y).toInt()
        val fx = (x - x0).toFloat()
        val fy = (y - y0).toFloat()
        val upper = texel(x0, y0, channel) * (1 - fx) + texel(x0 + 1, y0, channel) * fx
        val lower = texel(x0, y0 + 1, channel) * (1 - fx) + texel(x0 + 1, y0 + 1, channel) * fx
        return upper * (1 - fy) + lower * fy
    }

    fun texel(x: Int, y: Int, channel: Int): Float {
        val pixel = upright[y.coerceIn(0, height - 1) * width + x.coerceIn(0, width - 1)]
        return (pixel shr (16 - 8 * channel) and 0xff).toFloat()
    }
}
