@file:Suppress("UNUSED_PARAMETER")

package androidx.camera.lifecycle

import android.content.Context
import androidx.camera.core.Camera
import androidx.camera.core.CameraSelector
import androidx.camera.core.UseCase
import androidx.lifecycle.LifecycleOwner
import java.util.concurrent.Executor
import java.util.concurrent.Future

/** Stands for Guava's: the part that is used. */
public interface ListenableFuture<V> : Future<V> {
    public fun addListener(listener: Runnable, executor: Executor)
}

public class ProcessCameraProvider private constructor() {
    public fun hasCamera(selector: CameraSelector): Boolean = TODO()

    public fun unbindAll(): Unit = TODO()

    public fun bindToLifecycle(owner: LifecycleOwner, selector: CameraSelector, vararg useCases: UseCase): Camera = TODO()

    public companion object {
        @JvmStatic
        public fun getInstance(context: Context): ListenableFuture<ProcessCameraProvider> = TODO()
    }
}
