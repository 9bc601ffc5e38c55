@file:Suppress("UNUSED_PARAMETER")

package androidx.camera.view

import android.content.Context
import android.widget.FrameLayout
import androidx.camera.core.Preview

public class PreviewView(context: Context) : FrameLayout(context) {
    public enum class ScaleType { FILL_START, FILL_CENTER, FILL_END, FIT_START, FIT_CENTER, FIT_END }

    public var scaleType: ScaleType = ScaleType.FILL_CENTER
    public val surfaceProvider: Preview.SurfaceProvider
        get() = TODO()
}
