package androidx.activity

import android.app.Activity
import androidx.lifecycle.Lifecycle
import androidx.lifecycle.LifecycleOwner
import androidx.lifecycle.ViewModelStoreOwner

public open class ComponentActivity : Activity(), LifecycleOwner, ViewModelStoreOwner {
    override val lifecycle: Lifecycle
        get() = TODO()
}
