@file:Suppress("UNUSED_PARAMETER")

package androidx.camera.core

import android.graphics.Matrix
import android.graphics.Rect
import android.util.Size
import java.nio.ByteBuffer
import java.util.concurrent.Executor

public abstract class UseCase

public interface Camera

public class InitializationException(message: String?) : Exception(message)

public class CameraInfoUnavailableException(message: String?) : Exception(message)

public class CameraSelector private constructor() {
    public companion object {
        @JvmField
        public val DEFAULT_FRONT_CAMERA: CameraSelector = CameraSelector()

        @JvmField
        public val DEFAULT_BACK_CAMERA: CameraSelector = CameraSelector()
    }
}

public interface ImageInfo {
    public val rotationDegrees: Int
    public val timestamp: Long
    public val sensorToBufferTransformMatrix: Matrix
}

public interface ImageProxy : AutoCloseable {
    public val width: Int
    public val height: Int
    public val format: Int
    public val cropRect: Rect
    public val imageInfo: ImageInfo
    public val planes: Array<PlaneProxy>

    public interface PlaneProxy {
        public val buffer: ByteBuffer
        public val rowStride: Int
        public val pixelStride: Int
    }
}

public class ImageAnalysis private constructor() : UseCase() {
    public fun interface Analyzer {
        public fun analyze(image: ImageProxy)

        public fun getDefaultTargetResolution(): Size? = null

        public fun getTargetCoordinateSystem(): Int = COORDINATE_SYSTEM_ORIGINAL

        public fun updateTransform(matrix: Matrix?) {}
    }

    public fun setAnalyzer(executor: Executor, analyzer: Analyzer): Unit = TODO()

    public class Builder {
        public fun setBackpressureStrategy(strategy: Int): Builder = TODO()

        public fun build(): ImageAnalysis = TODO()
    }

    public companion object {
        public const val STRATEGY_KEEP_ONLY_LATEST: Int = 0
        public const val COORDINATE_SYSTEM_ORIGINAL: Int = 0
        public const val COORDINATE_SYSTEM_VIEW_REFERENCED: Int = 1
    }
}

public class Preview private constructor() : UseCase() {
    public interface SurfaceProvider

    public fun setSurfaceProvider(provider: SurfaceProvider?): Unit = TODO()

    public class Builder {
        public fun build(): Preview = TODO()
    }
}
