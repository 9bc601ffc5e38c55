@file:Suppress("UNUSED_PARAMETER")

package androidx.camera.view

import android.content.Context
import android.graphics.Matrix
import android.widget.FrameLayout
import androidx.camera.core.Preview

public class PreviewView(context: Context) : FrameLayout(context) {
    public enum class ScaleType { FILL_START, FILL_CENTER, FILL_END, FIT_START, FIT_CENTER, FIT_END }

    public var scaleType: ScaleType = ScaleType.FILL_CENTER

    /** The real one can be read only; tests set it. */
    public var sensorToViewTransform: Matrix? = null

    public val surfaceProvider: Preview.SurfaceProvider
        get() = TODO()
}
