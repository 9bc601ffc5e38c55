@file:JvmName("ProcessCameraProviderExtKt")
@file:Suppress("UNUSED_PARAMETER", "RedundantSuspendModifier", "UnusedReceiverParameter")

package androidx.camera.lifecycle

import android.content.Context
import androidx.camera.core.Camera
import androidx.camera.core.CameraSelector
import androidx.camera.core.UseCase
import androidx.lifecycle.LifecycleOwner

public class ProcessCameraProvider private constructor() {
    public fun hasCamera(selector: CameraSelector): Boolean = TODO()

    public fun unbindAll(): Unit = TODO()

    public fun bindToLifecycle(owner: LifecycleOwner, selector: CameraSelector, vararg useCases: UseCase?): Camera = TODO()

    public companion object
}

public suspend fun ProcessCameraProvider.Companion.awaitInstance(context: Context): ProcessCameraProvider = TODO()
