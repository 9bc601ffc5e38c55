package com.example.blazeface.camera

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.ImageFormat
import android.graphics.Matrix
import android.graphics.PixelFormat
import android.graphics.Rect
import android.graphics.RectF
import android.view.View.MeasureSpec
import androidx.camera.core.ImageInfo
import androidx.camera.core.ImageProxy
import androidx.camera.view.PreviewView
import androidx.lifecycle.Lifecycle
import androidx.lifecycle.LifecycleOwner
import androidx.lifecycle.LifecycleRegistry
import com.example.blazeface.BackendPreference
import com.example.blazeface.FaceDetector
import com.example.blazeface.FaceDetectorException
import com.example.blazeface.FaceDetectorOptions
import com.example.blazeface.FakeEngines
import com.example.blazeface.Fakes
import com.example.blazeface.Frame
import com.example.blazeface.InvalidFrameException
import com.example.blazeface.RunningMode
import java.nio.ByteBuffer
import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.UnconfinedTestDispatcher
import kotlinx.coroutines.test.resetMain
import kotlinx.coroutines.test.setMain
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.GraphicsMode

/** Camera frames reach the detector, and what it finds is shown over the preview. */
@OptIn(ExperimentalCoroutinesApi::class)
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class FaceAnalyzerTest {
    private val scope = CoroutineScope(Dispatchers.Unconfined)
    private val results = CopyOnWriteArrayList<CameraFaces>()
    private val errors = CopyOnWriteArrayList<FaceDetectorException>()

    @Before
    fun setMain() = Dispatchers.setMain(UnconfinedTestDispatcher())

    @After
    fun resetMain() {
        scope.cancel()
        Dispatchers.resetMain()
    }

    private fun detector(): FaceDetector =
        Fakes.create(FakeEngines(), FaceDetectorOptions(RunningMode.LIVE_STREAM, BackendPreference.CPU))

    private fun analyzer(detector: FaceDetector) = FaceAnalyzer(detector).also {
        scope.launch { it.results.collect(results::add) }
        scope.launch { it.errors.collect(errors::add) }
    }

    @Test
    fun `faces are those of the same frame handed over plainly`() {
        val image = Image(rotation = 90)
        val (y, u, v) = image.planes.map { com.example.blazeface.Plane(it.buffer, it.rowStride, it.pixelStride) }
        val expected = Fakes.create(FakeEngines()).use { it.detect(Frame.yuv(640, 480, y, u, v, 90, false)) }
        detector().use { detector ->
            analyzer(detector).analyze(image)
            Fakes.await { results.size == 1 }
        }
        assertTrue(image.closed)
        assertEquals(expected, results.single().result.faces)
        assertEquals(480, results.single().result.imageWidth)
        assertEquals(7L, results.single().result.timestampMillis)
    }

    @Test
    fun `a crop rectangle is the part that is searched`() {
        detector().use { detector ->
            val analyzer = analyzer(detector)
            analyzer.analyze(Image(rotation = 90))
            Fakes.await { results.size == 1 }
            analyzer.analyze(Image(rotation = 90, crop = Rect(320, 0, 640, 240), millis = 8))
            Fakes.await { results.size == 2 }
        }
        // The same relative place, in half of the size, where the crop lies in the upright frame: right and below.
        val (whole, part) = results.map { it.result.faces.single().boundingBox }
        assertEquals(RectF(240f, 320f, 480f, 640f), results[1].frame.uprightCrop)
        assertEquals(240f + whole.centerX() / 2, part.centerX(), 0.01f)
        assertEquals(320f + whole.centerY() / 2, part.centerY(), 0.01f)
        assertEquals(whole.width() / 2, part.width(), 0.01f)
    }

    @Test
    fun `RGBA and NV21 are taken, other formats are a mistake`() {
        detector().use { detector ->
            val analyzer = analyzer(detector)
            analyzer.analyze(Image(format = PixelFormat.RGBA_8888, millis = 1))
            Fakes.await { results.size == 1 }
            analyzer.analyze(Image(format = ImageFormat.NV21, millis = 2))
            Fakes.await { results.size == 2 }
            val other = Image(format = ImageFormat.JPEG, millis = 3)
            assertThrows(IllegalStateException::class.java) { analyzer.analyze(other) }
            assertTrue(other.closed)
        }
    }

    @Test
    fun `a frame that cannot be read is an error, and the stream goes on`() {
        detector().use { detector ->
            val analyzer = analyzer(detector)
            val short = Image(planeBytes = 100)
            analyzer.analyze(short)
            assertTrue(short.closed)
            assertTrue(errors.single() is InvalidFrameException)
            analyzer.analyze(Image(millis = 9))
            Fakes.await { results.size == 1 }
        }
    }

    @Test
    fun `frames after closing are left out`() {
        val detector = detector()
        val analyzer = analyzer(detector)
        detector.close()
        analyzer.analyze(Image())
        assertEquals(1, detector.lateFrames)
        assertTrue(errors.isEmpty())
    }

    @Test
    fun `the owner's end closes the detector`() {
        val owner = Owner()
        val detector = detector()
        val analyzer = analyzer(detector)
        analyzer.closeWith(owner)
        owner.registry.currentState = Lifecycle.State.STARTED
        analyzer.analyze(Image(millis = 1))
        Fakes.await { results.size == 1 }
        owner.registry.currentState = Lifecycle.State.DESTROYED
        analyzer.analyze(Image(millis = 2))
        assertEquals(1, detector.lateFrames)
    }

    @Test
    fun `a controller's map serves where the preview has none`() {
        val map = Matrix().apply { setScale(3f, 3f) }
        detector().use { detector ->
            val analyzer = analyzer(detector)
            analyzer.updateTransform(map)
            map.reset()
            analyzer.analyze(Image())
            Fakes.await { results.size == 1 }
        }
        val preview = PreviewView(Fakes.context)
        val box = results.single().result.faces.single().boundingBox
        assertEquals(3 * box.left, results.single().inView(preview).single().boundingBox.left, 0.01f)
        preview.sensorToViewTransform = Matrix().apply { setScale(5f, 5f) }
        assertEquals(5 * box.left, results.single().inView(preview).single().boundingBox.left, 0.01f)
    }

    @Test
    fun `the overlay draws where the preview shows the face, while its owner is started`() {
        val owner = Owner()
        val preview = PreviewView(Fakes.context)
        preview.sensorToViewTransform = Matrix().apply { setScale(0.5f, 0.5f) }
        val overlay = FaceOverlayView(Fakes.context).apply {
            strokeWidth = 4f
            measure(MeasureSpec.makeMeasureSpec(320, MeasureSpec.EXACTLY), MeasureSpec.makeMeasureSpec(240, MeasureSpec.EXACTLY))
            layout(0, 0, 320, 240)
        }
        detector().use { detector ->
            val analyzer = analyzer(detector)
            val following = overlay.follow(analyzer, preview, owner)
            owner.registry.currentState = Lifecycle.State.STARTED
            analyzer.analyze(Image())
            Fakes.await { results.size == 1 }
            Fakes.await { overlay.picture().green() > 0 }
            val face = results.single().inView(preview).single()
            val picture = overlay.picture()
            val box = face.boundingBox
            assertEquals(Color.GREEN, picture.getPixel(box.left.toInt(), box.centerY().toInt()))
            assertEquals(Color.GREEN, picture.getPixel(face.points[0].toInt(), face.points[1].toInt()))
            assertEquals(0, picture.getPixel(box.left.toInt() + 4, box.top.toInt() + 4))
            owner.registry.currentState = Lifecycle.State.CREATED
            assertEquals(0, overlay.picture().green())
            assertFalse(following.isCompleted)
            owner.registry.currentState = Lifecycle.State.DESTROYED
            assertTrue(following.isCompleted)
        }
    }

    private fun FaceOverlayView.picture(): Bitmap =
        Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888).also { draw(Canvas(it)) }

    private fun Bitmap.green(): Int = (0 until width).sumOf { x -> (0 until height).count { getPixel(x, it) == Color.GREEN } }

    private class Owner : LifecycleOwner {
        val registry: LifecycleRegistry = LifecycleRegistry.createUnsafe(this).apply { currentState = Lifecycle.State.CREATED }
        override val lifecycle: Lifecycle = registry
    }

    /** A camera's image whose sensor is as large as it. */
    private class Image(
        private val rotation: Int = 0,
        private val crop: Rect = Rect(0, 0, 640, 480),
        override val format: Int = ImageFormat.YUV_420_888,
        private val millis: Long = 7,
        private val planeBytes: Int = 640 * 480 * 4,
    ) : ImageProxy {
        var closed = false
        override val width: Int = 640
        override val height: Int = 480
        override val cropRect: Rect
            get() = crop
        override val imageInfo: ImageInfo = object : ImageInfo {
            override val rotationDegrees: Int = rotation
            override val timestamp: Long = millis * 1_000_000
            override val sensorToBufferTransformMatrix: Matrix = Matrix()
        }
        override val planes: Array<ImageProxy.PlaneProxy> = when (format) {
            PixelFormat.RGBA_8888 -> arrayOf(plane(640 * 4, 4))
            else -> arrayOf(plane(640, 1), plane(640, 2), plane(640, 2))
        }

        private fun plane(stride: Int, step: Int) = object : ImageProxy.PlaneProxy {
            override val buffer: ByteBuffer = ByteBuffer.allocateDirect(planeBytes)
            override val rowStride: Int = stride
            override val pixelStride: Int = step
        }

        override fun close() {
            closed = true
        }
    }
}
