@file:Suppress("UNUSED_PARAMETER")

package androidx.activity

import android.app.Activity
import androidx.lifecycle.LifecycleOwner
import androidx.lifecycle.ViewModelStoreOwner

public open class ComponentActivity : Activity(), LifecycleOwner, ViewModelStoreOwner
